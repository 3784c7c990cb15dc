"""The report as one HTML file for a plan or for one sweep: seven parts, in the order in which questions come.

`parts/` has a module for each part, and `PARTS` their order. A module makes plain data from `Facts` (`facts.py`) and
names the template beside it that shows them:

    def part(facts: Facts) -> Part:
        return Part("failures", "What failed", {"rows": [...]})     # is shown by parts/failures.html

A template has, beside its data (`data.rows`), helpers that escape what they are given:
`prose(markdown)` shows Markdown of a section (its headings become one smaller; HTML in it is text),
`chart(name, said)` shows the chart of that name, called `said` by screen readers; nothing where there is none, which
`has_chart(name)` tells.

Charts are those of `figures/`, drawn before the page is made. A mark that stands for a run (or a team) has the
description `#run_025` (`mark()` in `figures/style.py`): the page's script finds it as `data-mark="run_025"`, and lights
up all of the same name at once. A chart whose marks are of something else, teams say, gets a list to pick one from.

The script is `runs.js` (the table) and `charts.js`. All of the page can be read without it.
"""
