// What Vega needs beside itself to draw SVG in a bare engine, which has no browser, no fonts and no network.
"use strict";

globalThis.structuredClone = (value) => (value === undefined ? value : JSON.parse(JSON.stringify(value)));
globalThis.console = { log() {}, info() {}, debug() {}, warn() {}, error() {} };

// Thousandths of the font's size, from the space to the tilde: Helvetica's, which are Arial's and Liberation Sans's.
const WIDTHS = [
  278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556, 556,
  556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722, 778,
  667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556, 556, 278, 556,
  556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
];
const MINUS = "\u2212";
const FIRST_WIDE = 0x1100; // from here on: Korean, Chinese, Japanese, emoji
const DASHES = [0x2000, 0x2bff]; // and arrows, and the like: not wide

function widthOf(character) {
  const code = character.codePointAt(0);
  if (code >= 32 && code < 127) return WIDTHS[code - 32];
  if (character === MINUS) return 584;
  return code >= FIRST_WIDE && !(code >= DASHES[0] && code <= DASHES[1]) ? 1000 : 600;
}

function textWidth(item, text) {
  let thousandths = 0;
  for (const character of String(text ?? "")) thousandths += widthOf(character);
  const width = (thousandths * (item.fontSize ?? 11)) / 1000;
  return item.limit > 0 ? Math.min(width, item.limit) : width;
}

let drawn = {};

// Promises are kept when the call has ended, so what was drawn is asked for afterwards.
function draw(description) {
  drawn = { problem: "it was not drawn" };
  try {
    vega.textMetrics.width = textWidth;
    const { spec } = vegaLite.compile(JSON.parse(description));
    const view = new vega.View(vega.parse(spec), { renderer: "none" });
    view.toSVG().then((svg) => (drawn = { svg }), (error) => (drawn = { problem: String(error) }));
  } catch (error) {
    drawn = { problem: String(error) };
  }
  return null;
}
