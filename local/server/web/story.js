// The elements of a story, a row each.
import { byId, copyButton, facts, idElement, make } from './dom.js';
import { expandable, keepOpen, Rover, rowOf } from './rows.js';
import { clipped, pretty } from './text.js';

const stampOf = (timestamp) => new Date(timestamp).toLocaleTimeString([], { hour12: false });

function stamp(timestamp) {
  const element = make('time', 'time', stampOf(timestamp));
  element.dateTime = element.title = timestamp;
  return element;
}

const short = (id) => idElement('', id, { copy: false });

function chips(changes) {
  const all = make('span', 'changes');
  for (const { name, now, was } of changes.all) {
    const chip = make('span', 'chip', make('b', '', clipped(name, 60)));
    if (was !== undefined) chip.append(make('s', '', clipped(was, 40)), make('span', 'hidden', 'is now'), make('span', 'arrow', '\u2192'));
    chip.append(clipped(now, 80));
    all.append(chip);
  }
  if (changes.same) all.append(make('span', 'same', changes.same + (changes.same === 1 ? ' trait' : ' traits') + ' unchanged'));
  return all.childElementCount ? all : null;
}

const heads = {
  event(step) {
    const head = [make('span', 'name', step.event)];
    if (step.brief) head.push(make('span', 'brief', step.brief));
    if (step.sent_as && !step.visitor && step.sent_as !== step.owner) head.push(make('span', 'sent', 'sent as ', short(step.sent_as)));
    return head;
  },
  identify(step) {
    const head = [];
    if (step.login) head.push(make('span', 'name', 'Login: identify linked ', short(step.anonymous_id)));
    else head.push(make('span', 'name', 'identify'));
    if (step.ignored) {
      head.push(make('span', 'badge', 'traits ignored'));
      head.push(make('span', 'why', 'Its timestamp ', make('b', '', precise(step.timestamp)), ' is not after ', make('b', '', precise(step.before)),
        ', that of the newest identify when it arrived. So these traits changed nothing:'));
    }
    if (step.taken) head.push(make('span', 'why', short(step.anonymous_id), ' was not linked: it is another person\u2019s already.'));
    if (step.login) head.push(make('span', 'why', 'What came before under that id is ', short(step.owner || step.distinct_id), '\u2019s from here on.'));
    const changed = chips(step.changes);
    if (changed) head.push(changed);
    return head;
  },
  alias(step) {
    return [make('span', 'name', 'alias'), make('span', 'why', short(step.distinct_id), ' is an id of ', short(step.new_user_id), ' from here on.')];
  },
};

function precise(timestamp) {
  const date = new Date(timestamp);
  if (isNaN(date)) return timestamp ?? 'unknown';
  const fraction = /\.(\d+)/.exec(timestamp)?.[1] ?? '';
  return date.toLocaleDateString() + ' ' + stampOf(timestamp) + (fraction ? '.' + fraction.padEnd(3, '0') : '');
}

function json(label, text) {
  const value = make('span', 'json', make('span', 'code', pretty(text)));
  value.append(copyButton(text, 'Copy ' + label));
  return value;
}

function details(step) {
  const id = (text) => (text ? idElement(step.environment, text, { whole: true }) : '');
  const stamps = [['timestamp', step.timestamp], ['received', step.received_at]];
  switch (step.kind) {
    case 'event':
      return [...stamps, ['sent as', id(step.sent_as)], ['properties', json('properties', step.properties ?? '{}')]];
    case 'identify':
      return [...stamps, ['newest before', step.ignored ? step.before : ''], ['distinct_id', id(step.distinct_id)], ['anonymous_id', id(step.anonymous_id)],
        ['traits', step.traits ? json('traits', step.traits) : 'none were sent']];
  }
  return [...stamps, ['distinct_id', id(step.distinct_id)], ['new_user_id', id(step.new_user_id)]];
}

const asTexts = { before: 'Before the login, as ', after: 'After a login, again as ', linked: 'As ', unknown: 'As ' };
const asEnds = { linked: ', which is linked to this person', unknown: ', whom no identify has named yet' };
const dayFormat = { weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' };

const leads = {
  day: (row) => make('h3', 'day', new Date(row.timestamp).toLocaleDateString([], dayFormat)),
  gap: (row) => make('p', 'gap', row.gap + ' later'),
  as: (row) => make('p', 'as', asTexts[row.when], short(row.id), asEnds[row.when] ?? ''),
};

function stepItem(step) {
  const button = make('button', 'line', stamp(step.timestamp), make('span', 'what', ...heads[step.kind](step)));
  button.dataset.row = '';
  const item = make('li', 'step ' + step.kind, ...step.lead.map((row) => leads[row.kind](row)), button);
  for (const name of ['login', 'ignored', 'visitor']) item.classList.toggle(name, Boolean(step[name]));
  expandable(item, button, () => facts(details(step)));
  return item;
}

const list = byId('story'), rover = new Rover(list);
let shown = new Map(); // the steps on the page by their key

// show makes the list what rows say. What has not changed stays as it is, an
// opened step too, so that nothing moves under who reads. It returns the steps
// that were not there before.
export function show(rows) {
  const next = new Map(), fresh = [];
  let at = list.firstElementChild;
  for (const row of rows) {
    const was = shown.get(row.key), text = JSON.stringify(row);
    let element = was?.element;
    if (was?.text !== text) {
      element = stepItem(row);
      rover.prepare(element);
      if (!was) fresh.push(element);
      else if (replace(was.element, element) === at) at = element;
    }
    if (element === at) at = at.nextElementSibling;
    else list.insertBefore(element, at);
    next.set(row.key, { element, text });
  }
  for (const [key, { element }] of shown) if (!next.has(key)) element.remove();
  shown = next;
  list.classList.toggle('many', shown.size > 300);
  rover.settle();
  return fresh;
}

function replace(old, element) {
  const focused = old.contains(document.activeElement);
  old.replaceWith(element);
  keepOpen(element, old);
  if (rover.current === old) rover.stopAt(element);
  if (focused) rowOf(element).focus({ preventScroll: true });
  return old;
}
