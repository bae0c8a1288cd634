import { byId, environmentBadge, hintBadges, idElement, make, personURL, timeElement, who } from './dom.js';
import { folded } from './fold.js';
import { View } from './list.js';
import { count, members } from './text.js';

export const identityKey = (environment, id) => JSON.stringify([environment, id]);

const unfolded = new Set(); // traits, by identity and name

function chips(identity) {
  const all = make('div', 'chips'), pairs = members(identity.traits);
  for (const [name, value] of pairs.slice(0, 12)) {
    const key = identityKey(identity.environment, identity.distinct_id) + name;
    all.append(make('span', 'chip', make('b', '', name), folded(value, 60, unfolded, key)));
  }
  const cut = /(\.\.\.|\u2026)$/.test(identity.traits);
  if (!cut && pairs.length <= 12) return all;
  const story = make('a', 'rest', cut ? 'all traits' : count(pairs.length - 12, 'more trait'));
  story.href = personURL(identity.environment, identity.distinct_id);
  all.append(story);
  return all;
}

// links are the ids that belong to the identity, a few of them until asked.
function links(identity) {
  const few = 4, list = make('div', 'links');
  const ids = [['anonymous', identity.anonymous_ids], ['alias', identity.aliases]].flatMap(([label, all]) =>
    all.map((id) => make('span', 'link', label, ' ', idElement(identity.environment, id))));
  list.append(...ids.slice(0, few));
  if (identity.more) list.append(make('span', 'of', ids.length.toLocaleString('en') + ' of ' + count(ids.length + identity.more, 'id')));
  if (identity.devices) list.append(make('span', 'of', count(identity.devices, 'device')));
  if (ids.length > few) {
    const rest = make('button', 'fold', 'show ' + (ids.length - few) + ' more');
    rest.type = 'button';
    rest.addEventListener('click', () => {
      ids[few - 1].after(...ids.slice(few));
      identities.rover.prepare(ids[0].closest('li'));
      identities.rover.stopAt(ids[0].closest('li'));
      rest.remove();
    });
    list.append(rest);
  }
  return list;
}

function identityItem(identity) {
  const name = who(identity.environment, identity.distinct_id, true, { link: true });
  const head = make('div', 'person-head', name);
  name.querySelector('a').dataset.row = '';
  if (identity.environment !== 'production') head.append(environmentBadge(identity.environment));
  const hints = hintBadges(identity.hints);
  if (hints.childElementCount) head.append(hints);
  if (identity.updated_at) head.append(timeElement(identity.updated_at));
  const item = make('li', 'person', head);
  for (const part of [chips(identity), links(identity)]) if (part.childElementCount) item.append(part);
  return item;
}

export const identities = new View(byId('identities'), (i) => identityKey(i.environment, i.distinct_id), identityItem, true);
