// What a person's steps tell, as rows: the steps themselves, and between them the
// days, the long pauses, and where an anonymous visitor begins. It knows no page.
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
    const now = text(value), was = traits.get(name);
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

// before says of an anonymous id when the login that linked it came.
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
export function rows(steps, owner, elsewhere) {
  const all = [], past = new Past(), logins = loginsOf(steps, elsewhere), seen = new Map();
  let last = null, under = '';
  const unique = (key) => {
    seen.set(key, (seen.get(key) ?? 0) + 1);
    return key + ' ' + seen.get(key);
  };
  steps.forEach((step, at) => {
    const gap = last ? Date.parse(step.timestamp) - Date.parse(last.timestamp) : 0;
    if (gap >= pause) all.push({ kind: 'gap', key: unique('gap ' + step.timestamp), gap: duration(gap) });
    if (!last || day(last.timestamp) !== day(step.timestamp)) all.push({ kind: 'day', key: unique('day ' + day(step.timestamp)), timestamp: step.timestamp });
    const row = { ...step, key: unique(step.n ? 'n ' + step.n : [step.kind, step.timestamp, step.received_at, step.event ?? step.distinct_id].join(' ')) };
    if (step.kind === 'identify') Object.assign(row, identify(step, past, elsewhere));
    if (step.kind === 'alias') past.join(past.of(step.new_user_id), step.distinct_id);
    const anonymous = step.kind === 'event' && step.anonymous ? step.sent_as : '';
    if (anonymous && anonymous !== under) {
      const login = logins.get(anonymous);
      const when = !owner || owner === anonymous ? 'unknown' : login === undefined ? 'linked' : at < login ? 'before' : 'after';
      all.push({ kind: 'as', key: unique('as ' + anonymous), id: anonymous, when });
    }
    if (step.kind === 'event') under = anonymous;
    if (row.login) under = '';
    all.push(Object.assign(row, { covered: Boolean(anonymous), known: Boolean(owner) }));
    last = step;
  });
  return all;
}
