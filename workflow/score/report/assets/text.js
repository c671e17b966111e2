"use strict";
// Opens packed data and shows texts. Text of a model is data: it becomes text nodes, and elements of a
// closed list around them; no markup is ever parsed.

const MATHML = "http://www.w3.org/1998/Math/MathML";
const MATH_NAMES = new Set(
  ("math mrow mi mn mo mtext mspace mfrac msqrt mroot mstyle msub msup msubsup munder mover munderover " +
    "mtable mtr mtd mpadded mphantom mmultiscripts mprescripts").split(" "));
const MATH_ATTRIBUTES = new Set(
  ("accent class columnalign displaystyle fence form linethickness mathvariant movablelimits scriptlevel " +
    "stretchy width").split(" "));
const DISPLAY_GROUPS = [3, 4, 5]; // of the expression `pieces`, see score.report.text_pieces
const FORMULA_GROUPS = [3, 4, 5, 7, 8, 9];
const MOST_FORMULAS = 500; // drawn in one text
// What is not seen or turns the text around it, but for line breaks, tabs and joiners of letters.
const UNSEEN = /(?![\n\t\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** The index or the part that score.report.rollouts.pack made a text of; its tables become maps. */
async function unpack(base64) {
  const bytes = Uint8Array.fromBase64
    ? Uint8Array.fromBase64(base64)
    : Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  const value = JSON.parse(await new Response(stream).text());
  for (const name of ["formulas", "code"]) value[name] = new Map(Object.entries(value[name]));
  return value;
}

/** An element with properties and content: texts, elements, or null. */
function make(name, properties, ...content) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties || {})) {
    if (key in made) made[key] = value;
    else made.setAttribute(key, value);
  }
  made.append(...content.filter((part) => part !== null));
  return made;
}

/** Put a text into an element.
 *
 * looks: {pieces, formulas, code}, how formulas and code are shown; null to show the text as written.
 * marks: [start, end, ...] of changed words, which are put into elements called markName.
 */
function showText(target, text, looks, marks = [], markName = "ins") {
  const writer = new TextWriter(text, marks, markName);
  let end = 0, formulas = 0;
  for (const piece of looks ? findPieces(text, looks.pieces) : []) {
    const tree = piece.isCode ? null : looks.formulas.get((piece.isDisplay ? "$$" : "$") + piece.source);
    const runs = piece.isCode ? looks.code.get(piece.source) : null;
    if (!runs && !(tree && formulas++ < MOST_FORMULAS)) continue;
    writer.write(end, piece.start, "");
    if (runs) writer.writeCode(piece.start, runs);
    else writer.writeElement(piece.start, formulaElement(tree, piece, text.slice(piece.start, piece.end)));
    const isBlock = runs || piece.isDisplay;
    end = piece.end + (isBlock && text[piece.end] === "\n" ? 1 : 0); // a block ends its line
  }
  writer.write(end, text.length, "");
  target.append(...writer.nodes);
}

/** Put an answer into an element: as a formula where it is one as a whole. */
function showAnswer(target, answer, looks) {
  const tree = answer.includes("\\") && looks?.formulas.get(`$${answer}`);
  if (tree) target.append(formulaElement(tree, {}, answer));
  else showText(target, answer, looks);
}

function findPieces(text, expression) {
  const found = [];
  for (const match of text.matchAll(expression)) {
    const start = match.index, end = start + match[0].length;
    if (match[2] !== undefined) {
      const from = start + match[0].indexOf("\n") + 1;
      found.push({ start: from, end: from + match[2].length, source: match[2], isCode: true });
      continue;
    }
    const group = FORMULA_GROUPS.find((number) => match[number] !== undefined);
    const before = group === 8 && !match[0].startsWith("$") ? 1 : 0; // the sign in front of the dollar
    const isDisplay = DISPLAY_GROUPS.includes(group);
    found.push({ start: start + before, end, source: match[group], isCode: false, isDisplay });
  }
  return found;
}

function formulaElement(tree, piece, source) {
  const math = mathElement(tree);
  if (piece.isDisplay) math.setAttribute("display", "block");
  math.setAttribute("title", source);
  return math;
}

function mathElement([name, attributes, ...children]) {
  const made = document.createElementNS(MATHML, MATH_NAMES.has(name) ? name : "mrow");
  for (const [key, value] of Object.entries(attributes)) {
    if (MATH_ATTRIBUTES.has(key)) made.setAttribute(key, value);
  }
  for (const child of children) made.append(typeof child === "string" ? child : mathElement(child));
  return made;
}

/** Writes parts of a text, one after the other, as nodes; changed words are marked wherever they are. */
class TextWriter {
  constructor(text, marks, markName) {
    Object.assign(this, { text, marks, markName, next: 0, nodes: [] });
  }

  /** The text from `from` to `to`, in a span of this class where there is one. */
  write(from, to, className) {
    while (from < to) {
      while (this.next < this.marks.length && this.marks[this.next + 1] <= from) this.next += 2;
      const start = this.next < this.marks.length ? this.marks[this.next] : Infinity;
      const inside = start <= from;
      const end = Math.min(to, inside ? this.marks[this.next + 1] : start);
      const parts = seenText(this.text.slice(from, end));
      const spans = className ? [make("span", { className }, ...parts)] : parts;
      this.nodes.push(...(inside ? [make(this.markName, {}, ...spans)] : spans));
      from = end;
    }
  }

  writeCode(from, runs) {
    const outside = this.nodes;
    this.nodes = [];
    for (let i = 0; i < runs.length; i += 2) {
      this.write(from, from + runs[i + 1], runs[i]);
      from += runs[i + 1];
    }
    outside.push(make("code", { className: "block" }, ...this.nodes));
    this.nodes = outside;
  }

  writeElement(from, made) {
    while (this.next < this.marks.length && this.marks[this.next + 1] <= from) this.next += 2;
    const inside = this.next < this.marks.length && this.marks[this.next] <= from;
    this.nodes.push(inside ? make(this.markName, {}, made) : made);
  }
}

/** A text as nodes, in which characters that are not seen are named: U+202E. */
function seenText(text) {
  const nodes = [];
  let end = 0;
  for (const match of text.matchAll(UNSEEN)) {
    if (match[0] === "\r" && text[match.index + 1] === "\n") continue;
    const name = match[0].codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
    nodes.push(text.slice(end, match.index), make("span", { className: "unseen" }, `U+${name}`));
    end = match.index + match[0].length;
  }
  nodes.push(text.slice(end));
  return nodes;
}
