import { byId, environmentBadge, facts, fetchJSON, hintBadges, hintSentences, idElement, make, timeElement, who } from './dom.js';
import { filter, parameters, setFilter } from './filter.js';
import { keep, View } from './list.js';
import { expandable, isOpen, reload, rowOf } from './rows.js';
import { pretty } from './text.js';

let severalEnvironments = false;

const late = (event) => Math.abs(new Date(event.received_at) - new Date(event.timestamp)) >= 60_000;

// eventItem says under which id an event was sent if it is another than its
// identity's: that is what identify and alias have joined.
function eventItem(event) {
  const name = make('button', 'name', event.event);
  name.dataset.row = '';
  const first = make('div', 'first', name);
  if (severalEnvironments || event.environment !== 'production') first.append(environmentBadge(event.environment));
  first.append(hintBadges(event.hints));
  const brief = make('div', 'brief');
  if (late(event)) brief.append(make('span', 'dated', 'dated ', timeElement(event.timestamp)));
  brief.append(event.brief ?? '');
  const row = make('div', 'row', timeElement(event.received_at), first, owner(event), brief);
  const sent = event.distinct_id || event.anonymous_id;
  if (sent && sent !== event.identity_id) row.append(make('span', 'sent', 'sent as ', idElement(event.environment, sent, { copy: false })));
  const item = make('li', 'event', row);
  Object.assign(item.dataset, { environment: event.environment, identity: event.identity_id ?? '' });
  expandable(item, name, async () => eventDetail(await fetchJSON('/console/events/' + event.n)));
  return item;
}

function owner(event) {
  if (!event.identity_id) return make('span', 'who nobody', 'no id');
  return who(event.environment, event.identity_id, event.known, { link: true });
}

function eventDetail(event) {
  const id = (value, link) => value && idElement(event.environment, value, { link, whole: true });
  const only = make('p', 'only');
  const button = (label, change) => {
    const element = make('button', '', label);
    element.type = 'button';
    element.addEventListener('click', () => setFilter(change));
    only.append(element);
  };
  button('Only this event', { event: event.event });
  if (event.identity_id) button('Only this person', { person: event.identity_id, environment: severalEnvironments ? event.environment : '' });
  return make('div', '', hintSentences(event.hints), facts([
    ['distinct_id', id(event.distinct_id)],
    ['anonymous_id', id(event.anonymous_id)],
    ['device_id', id(event.device_id)],
    ['session_id', id(event.session_id)],
    ['identity_id', id(event.identity_id, true)],
    ['environment', event.environment],
    ['timestamp', event.timestamp],
    ['received_at', event.received_at],
    ['properties', pretty(event.properties)],
    ['identity_traits', event.traits ? pretty(event.traits) : 'none: this id is not identified'],
  ]), only);
}

const number = (n) => n.toLocaleString('en');

// An EventView says how much of everything it shows, and gets older events.
class EventView extends View {
  constructor() {
    super(byId('events'), (event) => event.n, eventItem, false);
    this.older = byId('older');
    this.older.addEventListener('click', () => this.showOlder());
  }

  // take is a message of the stream.
  take(update, snapshot, continues) {
    severalEnvironments = (update.environments ?? []).length > 1;
    this.numbers = update;
    if (snapshot) this.snapshot(update.events, continues);
    else {
      if (this.paused()) this.missed += update.skipped ?? 0;
      this.put(update.events, true);
    }
    const changed = new Set(update.identities.map((i) => i.environment + '\n' + i.distinct_id));
    if (!changed.size) return;
    for (const item of this.list.children) {
      if (isOpen(item) && changed.has(item.dataset.environment + '\n' + item.dataset.identity)) reload(item);
    }
  }

  changed() {
    if (!this.numbers) return;
    const { kept = 0, stored, matched = kept } = this.numbers, shown = this.shown.size, filtered = filter.active();
    const more = this.waiting.size + this.missed + shown < (filtered ? matched : kept);
    this.older.parentElement.hidden = !shown || !more;
    byId('events-count').textContent = this.count(shown, kept, matched, stored, filtered);
    byId('events-empty').textContent = filtered ? 'No event matches the filter.' : 'No events yet.';
  }

  count(shown, kept, matched, stored, filtered) {
    const bySQL = stored > kept ? '; SQL has all ' + number(stored) : '';
    if (filtered) return shown < matched ? number(shown) + ' of ' + number(matched) + ' that match, among the newest ' + number(kept) + bySQL : number(matched) + ' of ' + number(kept) + ' match' + bySQL;
    if (stored > kept) return number(shown) + ' of the newest ' + number(kept) + bySQL;
    return shown < kept ? number(shown) + ' of ' + number(kept) : number(kept) + (kept === 1 ? ' event' : ' events');
  }

  async showOlder() {
    this.older.disabled = true;
    const before = this.shown.keys().next().value, asked = parameters();
    try {
      const answer = await fetchJSON('/console/events?' + parameters({ before }));
      if (asked === parameters() && this.shown.has(before)) this.addOlder(answer);
    } catch (error) {
      byId('events-count').textContent = error.message;
    }
    this.older.disabled = false;
  }

  addOlder(answer) {
    const focused = this.older.matches(':focus') || document.activeElement === document.body;
    const first = this.append(answer.events);
    if (!answer.older) this.older.parentElement.hidden = true;
    if (first && focused) rowOf(first).focus({ preventScroll: true });
  }
}

export const events = new EventView();
export { keep };
