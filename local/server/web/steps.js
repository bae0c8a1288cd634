// What a person's steps tell: where the days, the long pauses and an anonymous
// visitor begin, what a login links, what an identify changes. It knows no page.
const pause = 30 * 60 * 1000; // what analytics count as another session

const day = (timestamp) => new Date(timestamp).toDateString();

export function duration(ms) {
  const minutes = Math.round(ms / 60000), hours = Math.floor(minutes / 60), days = Math.floor(hours / 24);
  if (days >= 3) return days + ' days';
  if (days) return days * 24 + hours % 24 + ' h';
  if (hours) return hours + ' h' + (minutes % 60 ? ' ' + minutes % 60 + ' min' : '');
  return minutes + ' min';
}

// A Past is which ids are one person's by now, and what traits they have.
class Past {
  constructor() { this.people = new Map(); }
  of(id) {
    if (!this.people.has(id)) this.people.set(id, { linked: new Set(), traits: new Map() });
    return this.people.get(id);
  }
  join(into, id) {
    const from = this.people.get(id);
    if (!from || from === into) return void this.people.set(id, into);
    for (const [name, value] of from.traits) if (!into.traits.has(name)) into.traits.set(name, value);
    for (const linked of from.linked) into.linked.add(linked);
    for (const [other, person] of this.people) if (person === from) this.people.set(other, into);
  }
}

function parsed(json) {
  try {
    return Object.entries(JSON.parse(json) ?? {});
  } catch {
    return [];
  }
}

const text = (value) => (typeof value === 'string' ? value : JSON.stringify(value));

// changes are the traits that an identify gave, with what they were before.
function changes(step, traits) {
  const all = [];
  let same = 0;
  for (const [name, value] of parsed(step.traits)) {
    const now = text(value), was = step.ignored ? undefined : traits.get(name);
    if (was === now) same++;
    else all.push({ name, now, was });
    if (!step.ignored) traits.set(name, now);
  }
  return { all, same };
}

function identify(step, past, elsewhere) {
  const person = past.of(step.distinct_id);
  const anonymous = step.anonymous_id && step.anonymous_id !== step.distinct_id ? step.anonymous_id : '';
  const taken = Boolean(anonymous) && elsewhere(anonymous);
  const login = Boolean(anonymous) && !taken && !person.linked.has(anonymous);
  const told = { changes: changes(step, person.traits), login, taken };
  if (login) {
    past.join(person, anonymous);
    person.linked.add(anonymous);
  }
  return told;
}

// loginsOf says of anonymous ids which step linked them.
function loginsOf(steps, elsewhere) {
  const first = new Map();
  steps.forEach((step, at) => {
    const id = step.kind === 'identify' && step.anonymous_id;
    if (id && !first.has(id) && !elsewhere(id)) first.set(id, at);
  });
  return first;
}

// rows returns the story. owner is the id by which the person is known, if
// anybody identified it, and elsewhere tells ids that are another person's.
// Each row has what is to be read before it.
export function rows(steps, owner, elsewhere) {
  const past = new Past(), logins = loginsOf(steps, elsewhere), key = uniqueKeys();
  let last = null, under = '';
  return steps.map((step, at) => {
    const row = { ...step, key: key(step), lead: between(last, step), owner };
    last = step;
    if (step.kind === 'identify') Object.assign(row, identify(step, past, elsewhere));
    if (step.kind === 'alias') past.join(past.of(step.new_user_id), step.distinct_id);
    if (row.login) under = '';
    if (step.kind !== 'event') return row;
    row.visitor = step.anonymous ? step.sent_as : '';
    if (row.visitor && row.visitor !== under) row.lead.push({ kind: 'as', id: row.visitor, when: moment(row.visitor, owner, at, logins.get(row.visitor)) });
    under = row.visitor;
    return row;
  });
}

function uniqueKeys() {
  const seen = new Map();
  return (step) => {
    const key = [step.kind, step.timestamp, step.received_at, step.event, step.distinct_id, step.sent_as].join(' ');
    seen.set(key, (seen.get(key) ?? 0) + 1);
    return key + ' ' + seen.get(key);
  };
}

// between is what lies between two steps: a long pause, another day.
function between(last, step) {
  const all = [], gap = last ? Date.parse(step.timestamp) - Date.parse(last.timestamp) : 0;
  if (gap >= pause) all.push({ kind: 'gap', gap: duration(gap) });
  if (!last || day(last.timestamp) !== day(step.timestamp)) all.push({ kind: 'day', timestamp: step.timestamp });
  return all;
}

// moment says where in the story a visitor's event is.
function moment(visitor, owner, at, login) {
  if (!owner || owner === visitor) return 'unknown';
  if (login === undefined) return 'linked';
  return at < login ? 'before' : 'after';
}
