// Elements. Whatever the server sends is text: it goes into textContent, never
// into markup.
export const byId = (id) => document.getElementById(id);

// make returns an element with a class and children, which are elements or text.
export function make(tag, className, ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

export function clock(timestamp) {
  if (!timestamp) return '';
  const date = new Date(timestamp);
  if (isNaN(date)) return timestamp;
  const time = date.toLocaleTimeString([], { hour12: false });
  return date.toDateString() === new Date().toDateString() ? time : date.toLocaleDateString() + ' ' + time;
}

export function timeElement(timestamp) {
  const element = make('time', 'time', clock(timestamp));
  element.title = timestamp;
  return element;
}

// fields returns a JSON object's entries as text; what was cut off is no JSON.
export function fields(json) {
  try {
    return Object.entries(JSON.parse(json)).map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)]);
  } catch {
    return [['', json]];
  }
}

// dot marks all that belongs to one identity with the same color.
export function dot(environment, id, known) {
  const element = make('span', known ? 'dot' : 'dot unknown');
  let hash = 0;
  for (const c of environment + '\n' + id) hash = Math.imul(hash ^ c.codePointAt(0), 16777619);
  element.style.setProperty('--hue', String(((hash ^ (hash >>> 15)) >>> 0) % 360));
  return element;
}

export function who(environment, id, known) {
  const element = make('span', 'who', dot(environment, id, known), make('span', 'id', id));
  element.title = known ? id : id + ' (no identity is known)';
  return element;
}

export function facts(pairs) {
  const list = make('dl', 'facts');
  for (const [name, value] of pairs) {
    if (value) list.append(make('dt', '', name), make('dd', '', value));
  }
  return list;
}

export function indented(json) {
  try {
    return JSON.stringify(JSON.parse(json), null, 2);
  } catch {
    return json;
  }
}
