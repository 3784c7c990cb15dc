# One image for the trainer, the launcher and the embedded PostgreSQL. Built with BuildKit:
#   docker build --build-arg COMMIT="$(git rev-parse HEAD)" --tag truestrength .
# docker/README.md explains the arguments, the two optional secrets, and how to run it.
ARG BASE=python:3.11-slim

# Only the list of dependencies, so that other changes of pyproject.toml do not install them anew.
FROM ${BASE} AS requirements
COPY pyproject.toml /
RUN python -c 'import tomllib; print(*tomllib.load(open("/pyproject.toml", "rb"))["project"]["dependencies"], sep="\n")' \
    > /requirements.txt

FROM ${BASE} AS dependencies
ARG TORCH=cuda
# Where wheels of PyTorch without CUDA are; empty: where pip finds everything else.
ARG TORCH_CPU_INDEX=https://download.pytorch.org/whl/cpu
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/venv
COPY constraints.txt /
# The exact local version is asked for, so that the other kind is an error and never a silent 3 GB of CUDA libraries.
RUN --mount=type=secret,id=pip_conf,target=/etc/pip.conf --mount=type=secret,id=ca_bundle \
    version=$(sed -n 's/^torch==//p' /constraints.txt) \
    && case "$TORCH" in \
        cpu) set -- "torch==$version+cpu" ${TORCH_CPU_INDEX:+--extra-index-url "$TORCH_CPU_INDEX"} ;; \
        cuda) set -- "torch===$version" ;; \
        *) echo "TORCH=$TORCH: cpu or cuda are allowed" >&2; exit 2 ;; \
    esac \
    && /opt/venv/bin/pip install --no-deps "$@"
COPY --from=requirements /requirements.txt /
RUN --mount=type=secret,id=pip_conf,target=/etc/pip.conf --mount=type=secret,id=ca_bundle \
    /opt/venv/bin/pip install --constraint /constraints.txt --requirement /requirements.txt
# The code lies beside the dependencies, in a layer of its own.
RUN echo /opt/truestrength > "$(/opt/venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/truestrength.pth"

FROM dependencies AS runtime
# Only for compiling and testing PyTorch itself, and for installing more.
RUN cd "$(/opt/venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" \
    && rm -rf torch/test torch/include \
    && /opt/venv/bin/pip uninstall --yes pip

FROM dependencies AS code
WORKDIR /source
COPY pyproject.toml ./
COPY truestrength truestrength
# Linked there in the repository.
COPY trainer truestrength/trainer
COPY launcher truestrength/launcher
RUN --mount=type=secret,id=pip_conf,target=/etc/pip.conf --mount=type=secret,id=ca_bundle \
    /opt/venv/bin/pip install --no-deps --target /opt/truestrength . \
    && ln -s truestrength/launcher truestrength/trainer /opt/truestrength/ # `python -m trainer`, as in a clone

FROM ${BASE}
# tini: a process with pid 1 gets no default signal actions and reaps nobody. wrapper: a name for any uid, for initdb.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libnss-wrapper openssl tini \
    && apt-get clean && rm -rf /var/lib/apt/lists/*
# What a command writes goes to the mounted outputs; the secret's mount point is for runtimes that cannot make one.
RUN useradd --uid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin truestrength \
    && install -d -o truestrength -g truestrength /app/outputs4 /var/lib/truestrength \
    && install -d -m 1777 /app/data \
    && ln -s outputs4/.cache /app/.cache \
    && ln -s /tmp/truestrength-demo /app/data/demo \
    && mkdir -p /run/secrets && touch /run/secrets/database_url
COPY --from=runtime /opt/venv /opt/venv
COPY --chmod=0755 docker/entrypoint.sh /usr/local/bin/truestrength
COPY --from=code /opt/truestrength /opt/truestrength
RUN ln -s "$(/opt/venv/bin/python -c 'from truestrength.launcher.postgres.programs import find; print(find())')" /opt/postgresql
COPY config /app/config
WORKDIR /app
ARG VERSION=0.1.0
ARG COMMIT=
LABEL org.opencontainers.image.title="truestrength" \
      org.opencontainers.image.description="Sweeps of a team-strength ranker: launcher, trainer and embedded PostgreSQL" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${COMMIT}"
# HOME: caches of libraries, writable for any uid. SAFEPATH: code comes from the image, whatever folder is mounted.
ENV PATH=/opt/venv/bin:/opt/postgresql:$PATH \
    HOME=/tmp \
    PYTHONUNBUFFERED=1 \
    PYTHONSAFEPATH=1 \
    TINI_SUBREAPER=1 \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    PG_BIN=/opt/postgresql \
    TRUESTRENGTH_POSTGRES=/app/outputs4/.postgres \
    TRUESTRENGTH_IMAGE=truestrength:${VERSION} \
    TRUESTRENGTH_COMMIT=${COMMIT}
# Root only until the entrypoint has seen whose the mounted outputs are; it never trains as root for another's files.
ENTRYPOINT ["tini", "-g", "--", "truestrength"]
CMD ["--help"]
