"""Charts: a Vega-Lite description becomes an SVG, by Vega itself in a small JavaScript engine."""
