// Who a person is: ids, environment, traits.
import { byId, copyButton, dot, environmentBadge, hintSentences, idElement, make, timeElement } from './dom.js';
import { consoleSQL, eventsOf, idsOf } from './queries.js';
import { folded } from './fold.js';
import { clipped, count, members } from './text.js';

function traits(identity) {
  const pairs = members(identity.traits ?? '{}');
  if (!pairs.length) return make('p', 'note', 'No traits: no identify has sent any.');
  const list = make('dl', 'traits');
  for (const [name, value] of pairs) list.append(make('div', '', make('dt', '', name), make('dd', '', folded(value, 160))));
  return list;
}

function ids(environment, label, all) {
  const few = 5, items = all.map((id) => make('li', '', idElement(environment, id)));
  const list = make('ul', 'ids', ...items.slice(0, few));
  const group = make('section', '', make('h3', '', label, ' ', make('small', '', String(all.length))), list);
  group.setAttribute('aria-label', label);
  if (items.length > few) {
    const more = make('button', 'fold', 'show ' + (items.length - few) + ' more');
    more.type = 'button';
    more.addEventListener('click', () => {
      list.append(...items.slice(few));
      more.remove();
    });
    group.append(more);
  }
  return group;
}

function linked(person) {
  const { identity, environment } = person, parts = make('div', 'linked');
  const anonymous = identity?.anonymous_ids ?? [], aliases = identity?.aliases ?? [], devices = person.device_ids ?? [];
  if (anonymous.length) parts.append(ids(environment, 'Anonymous ids', anonymous));
  if (aliases.length) parts.append(ids(environment, 'Aliases', aliases));
  if (devices.length) parts.append(ids(environment, 'Devices', devices));
  if (identity?.more) {
    const listed = anonymous.length + aliases.length, link = make('a', '', 'all of them by SQL');
    link.href = consoleSQL(idsOf(environment, identity.distinct_id));
    parts.append(make('p', 'note', listed + ' of ' + count(listed + identity.more, 'linked id') + ' are listed: ', link));
  }
  return parts.childElementCount ? parts : '';
}

function times(person) {
  const list = make('dl', 'times'), events = person.steps.filter((step) => step.kind === 'event');
  const add = (name, timestamp) => timestamp && list.append(make('div', '', make('dt', '', name), make('dd', '', timeElement(timestamp))));
  add('first event', person.more ? '' : events[0]?.timestamp);
  add('newest event', events.at(-1)?.timestamp);
  add('newest identify', person.identity?.updated_at);
  return list;
}

let shown = '';

// showProfile leaves the elements alone if nothing has changed, so that what is
// unfolded stays so.
export function showProfile(person) {
  const { identity, environment, id } = person, known = identity?.distinct_id ?? id;
  const last = person.steps.at(-1)?.timestamp, text = JSON.stringify([identity, person.device_ids, last]);
  if (text === shown) return;
  shown = text;
  document.title = clipped(known, 60) + ' - Altertable local';
  byId('who').replaceChildren(dot(environment, known, Boolean(identity)), make('span', 'id', known));
  byId('who-copy').replaceChildren(copyButton(known, 'Copy the id'));
  const about = [make('p', 'badges', environmentBadge(environment))];
  if (!identity) about.push(make('p', 'note', 'No identify has named this id yet, so it has no traits.'));
  else if (known !== id) about.push(make('p', 'note', 'You asked for ', idElement(environment, id, { copy: false }), ', which is linked to this person.'));
  if (identity?.hints?.length) about.push(hintSentences(identity.hints));
  if (identity) about.push(make('h2', '', 'Traits'), traits(identity));
  about.push(linked(person), times(person));
  byId('about').replaceChildren(...about);
  byId('only').href = '/?' + new URLSearchParams({ person: known, environment });
  byId('by-sql').href = consoleSQL(eventsOf(environment, known));
}
