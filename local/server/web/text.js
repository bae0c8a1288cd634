// Texts that are too long, and JSON for a reader.

// clipped returns at most max characters.
export function clipped(text, max) {
  const characters = [...text.slice(0, 2 * max + 2)];
  return characters.length <= max ? text : characters.slice(0, max - 1).join('') + '\u2026';
}

const tokens = /"(?:[^"\\]|\\.)*"|[[{]\s*[\]}]|[[\]{},:]|[^\s[\]{},:"]+/g;

// pretty indents JSON without reading its values: a number keeps each digit, and
// a member that is there twice stays. What is no JSON is returned as it is.
export function pretty(json) {
  try {
    JSON.parse(json);
  } catch {
    return json;
  }
  let depth = 0, out = '';
  const line = () => '\n' + '  '.repeat(depth);
  for (const [token] of json.matchAll(tokens)) {
    if (token === '{' || token === '[') {
      depth++;
      out += token + line();
    } else if (token === '}' || token === ']') {
      depth--;
      out += line() + token;
    } else if (token === ',') out += ',' + line();
    else if (token === ':') out += ': ';
    else out += /^[[{]/.test(token) ? token[0] + token.at(-1) : token;
  }
  return out;
}

// elements are the texts of a JSON array's elements, null if it is no array.
export function elements(json) {
  try {
    if (!Array.isArray(JSON.parse(json))) return null;
  } catch {
    return null;
  }
  const all = [];
  let depth = 0, from = json.indexOf('[') + 1;
  for (const { 0: token, index } of json.matchAll(tokens)) {
    if (token === '{' || token === '[') depth++;
    else if (token === '}' || token === ']') depth--;
    if (depth === 0 && token === ']' || depth === 1 && token === ',') {
      all.push(json.slice(from, index).trim());
      from = index + 1;
    }
  }
  return all;
}

export const count = (n, one, many = one + 's') => n.toLocaleString('en') + ' ' + (n === 1 ? one : many);

// members returns the members of a JSON object as pairs of texts, as far as they
// are there: a text that the server cut off is read up to that place.
export function members(json) {
  for (const text of [json, completed(json)]) {
    try {
      return Object.entries(JSON.parse(text, digits) ?? {}).map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)]);
    } catch {
      // it was cut off
    }
  }
  return json ? [['', json]] : [];
}

// digits keeps numbers as they were sent: JavaScript's own have no room for all.
const digits = (_, value, context) => (typeof value === 'number' && context?.source && JSON.rawJSON ? JSON.rawJSON(context.source) : value);

// completed closes what is open in the beginning of a JSON object.
function completed(json) {
  const text = json.replace(/(\.\.\.|\u2026)$/, '');
  let quoted = false, comma = 0;
  const open = [];
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (quoted && c === '\\') i++;
    else if (c === '"') quoted = !quoted;
    else if (quoted) continue;
    else if (c === '{' || c === '[') open.push(c === '{' ? '}' : ']');
    else if (c === '}' || c === ']') open.pop();
    else if (c === ',' && open.length === 1) comma = i;
  }
  const closed = (quoted ? text.replace(/\\(u[\da-f]{0,3})?$/i, '') + '\u2026"' : text) + open.reverse().join('');
  try {
    JSON.parse(closed);
    return closed;
  } catch {
    return text.slice(0, comma) + '}';
  }
}
