#!/usr/bin/env bash
# vl-convert 1.9.0: every text that it measures opens the font's file anew, several times.
#
# One would swear that a renderer reads a font once. Vega asks for the width of every label, title and mark of text, and
# vl-convert answers each question from the file of the font: opened, mapped and parsed again. In a page of some charts
# that was two thirds of the time. Counted here by strace: opens of font files for a chart of 50 words and one of 500.
# Exits 0 while opens grow with the words, and 1 when that has changed. Needs strace and one TrueType font on the machine.
set -euo pipefail
command -v strace > /dev/null || { echo "strace is needed" >&2; exit 2; }
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check vl-convert-python==1.9.0 2> /dev/null
cat > "$place/draw.py" << 'PY'
import sys

import vl_convert

values = [{"x": i % 25, "y": i // 25, "t": f"w{i}"} for i in range(int(sys.argv[1]))]
axes = {"x": {"field": "x", "type": "quantitative"}, "y": {"field": "y", "type": "quantitative"}}
vl_convert.vegalite_to_svg(
    {"data": {"values": values}, "mark": "text", "encoding": {**axes, "text": {"field": "t", "type": "nominal"}}}
)
PY
opens() {
    strace -f -e trace=openat -o "$place/trace" "$place/venv/bin/python" "$place/draw.py" "$1"
    grep -cE '\.(ttf|otf|ttc)"' "$place/trace" || true
}
few=$(opens 50) many=$(opens 500)
echo "vl-convert-python 1.9.0: $few opens of font files for 50 words, $many for 500"
[ "$((many - few))" -gt 450 ]
