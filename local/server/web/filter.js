// The filter of the events: its fields, and the page's address, which keeps it.
import { announce, byId } from './dom.js';

const names = ['event', 'person', 'environment', 'text'];
const field = (name) => byId('filter-' + name);
const settleTime = 250; // of typing
const longest = 1000; // of a value, as the fields take it

let values = {};
let changed = () => {};

function read() {
  const search = new URLSearchParams(location.search);
  values = Object.fromEntries(names.map((name) => [name, (search.get(name) ?? '').slice(0, longest)]));
}

export const filter = { active: () => names.some((name) => values[name]), get: (name) => values[name] };

// parameters are the filter's, and others, as a query.
export function parameters(others = {}) {
  const query = new URLSearchParams(others);
  for (const name of names) if (values[name]) query.set(name, values[name]);
  return query.toString();
}

// setFilter changes some of the filter's values.
export function setFilter(change) {
  const before = parameters();
  values = { ...values, ...change };
  show();
  if (parameters() === before) return;
  const query = parameters();
  history.replaceState(history.state, '', location.pathname + (query && '?' + query) + location.hash);
  changed();
}

function show() {
  for (const name of names) {
    const element = field(name);
    if (element.tagName === 'SELECT') choose(element, values[name]);
    else if (element !== document.activeElement || element.value.trim() !== values[name]) element.value = values[name];
    element.closest('.field').classList.toggle('set', Boolean(values[name]));
  }
  byId('filter-clear').hidden = !filter.active();
}

function choose(select, value) {
  if (![...select.options].some((option) => option.value === value)) select.add(new Option(value, value));
  select.value = value;
}

// offer lists what can be chosen. A value that is not in the list stays.
export function offer(eventNames, environments) {
  for (const [name, choices] of [['event', eventNames], ['environment', environments]]) {
    const select = field(name), all = new Set(choices);
    if (values[name]) all.add(values[name]);
    const now = JSON.stringify([...all]);
    if (select.dataset.choices === now || select === document.activeElement && select.matches(':open')) continue;
    select.dataset.choices = now;
    select.replaceChildren(select.options[0], ...[...all].map((choice) => new Option(choice, choice)));
    select.value = values[name];
  }
  field('environment').closest('.field').hidden = environments.length < 2 && !values.environment;
}

const clearAll = () => setFilter(Object.fromEntries(names.map((name) => [name, ''])));

function watch() {
  let timer = 0;
  const typed = () => {
    clearTimeout(timer);
    setFilter(Object.fromEntries(names.map((name) => [name, field(name).tagName === 'SELECT' ? field(name).value : field(name).value.trim()])));
  };
  byId('filter').addEventListener('input', (input) => {
    clearTimeout(timer);
    if (input.target.tagName === 'SELECT') typed();
    else timer = setTimeout(typed, settleTime);
  });
  byId('filter').addEventListener('submit', (submit) => {
    submit.preventDefault();
    typed();
  });
  byId('filter').addEventListener('keydown', (press) => {
    if (press.key !== 'Escape' || press.target.tagName !== 'INPUT') return;
    press.preventDefault();
    if (!press.target.value) return clearAll();
    press.target.value = '';
    typed();
  });
  byId('filter-clear').addEventListener('click', () => {
    clearTimeout(timer);
    clearAll();
    field('text').focus();
    announce('filter cleared');
  });
  document.addEventListener('keydown', (press) => {
    const typing = press.target.closest('input, textarea, select, dialog');
    if (press.key !== '/' || typing || press.ctrlKey || press.metaKey || press.altKey || byId('console').hidden) return;
    press.preventDefault();
    field('text').focus();
    field('text').select();
  });
}

// start calls change whenever the filter is another.
export function start(change) {
  changed = change;
  read();
  show();
  watch();
}
