"""What a chart says it shows: its Vega-Lite description with every layer's own rows in it."""


def described(chart):
    """The description; Altair gathers all rows in one place at its top, here they are back where they are used."""
    top = chart.to_dict()
    rows = top.pop("datasets", {})

    def filled(node):
        if isinstance(node, list):
            return [filled(part) for part in node]
        if not isinstance(node, dict):
            return node
        own = {key: filled(part) for key, part in node.items()}
        if isinstance(node.get("data"), dict) and (name := node["data"].get("name")):
            own["data"] = rows[name]
        return own

    return filled(top)
