import { byId, fields, make, timeElement, who } from './dom.js';
import { View } from './list.js';

function identityItem(identity) {
  const head = who(identity.environment, identity.distinct_id, true);
  if (identity.environment !== 'production') head.append(make('span', 'environment', identity.environment));
  head.append(timeElement(identity.updated_at));
  const item = make('li', 'person', head);
  const traits = fields(identity.traits);
  if (traits.length) {
    const chips = make('div', 'chips');
    for (const [name, value] of traits) chips.append(make('span', 'chip', make('b', '', name), value));
    item.append(chips);
  }
  const links = make('div', 'links');
  for (const [label, ids] of [['anonymous', identity.anonymous_ids], ['alias', identity.aliases]]) {
    for (const id of ids) links.append(make('span', '', label, make('span', 'id', id)));
  }
  if (identity.more) links.append(make('span', '', 'and ' + identity.more + ' more'));
  if (links.childElementCount) item.append(links);
  return item;
}

export const identityKey = (environment, id) => JSON.stringify([environment, id]);
export const identities = new View(byId('identities'), (i) => identityKey(i.environment, i.distinct_id), identityItem, true);
