import { byId, facts, fields, indented, make, timeElement, who } from './dom.js';
import { View } from './list.js';

// eventItem says under which id an event was sent if it is another than its
// identity's: that is what identify and alias have joined.
function eventItem(event) {
  const brief = fields(event.properties).filter(([name]) => !name.startsWith('$')).map(([name, value]) => name + ': ' + value).join('   ');
  const summary = make('summary', '', timeElement(event.timestamp), make('span', 'name', event.event), who(event.environment, event.identity_id, event.known));
  summary.append(make('span', 'brief', brief));
  if (event.distinct_id !== event.identity_id) summary.append(make('span', 'sent', 'sent as ', make('span', 'id', event.distinct_id)));
  return make('li', '', make('details', '', summary, facts([
    ['distinct_id', event.distinct_id],
    ['identity_id', event.identity_id],
    ['environment', event.environment],
    ['timestamp', event.timestamp],
    ['properties', indented(event.properties)],
    ['identity_traits', event.traits ? indented(event.traits) : 'none: this id is not identified'],
  ])));
}

export const events = new View(byId('events'), (e) => e.n, eventItem, false);
