// What looks wrong, each kind with a button that leads to the next row of it.
import { byId, hintLabel, make } from './dom.js';
import { rowOf } from './rows.js';

let shown = '[]', later = 0;

// showHints is called with each message; it touches the page if there is news.
// Nothing that is open moves because the hints appear above it.
export function showHints(hints) {
  const now = JSON.stringify(hints);
  clearTimeout(later);
  if (now === shown) return;
  if (byId('hints').hidden && document.querySelector('main [aria-expanded="true"]')) {
    later = setTimeout(showHints, 500, hints);
    return;
  }
  shown = now;
  byId('hints').hidden = !hints.length;
  byId('hints-title').textContent = hints.length === 1 ? '1 thing looks wrong' : hints.length + ' things look wrong';
  const list = byId('hint-codes'), focused = document.activeElement.dataset?.hint;
  list.replaceChildren(...hints.map((hint) => make('li', '', hintButton(hint))));
  if (!hints.some((hint) => hint.code === byId('hint-text').dataset.code)) byId('hint-text').textContent = '';
  if (focused) list.querySelector('[data-hint="' + CSS.escape(focused) + '"]')?.focus();
}

function hintButton(hint) {
  const button = make('button', '', hintLabel(hint.code), make('b', '', hint.count.toLocaleString('en')), make('span', 'hidden', hint.text));
  button.type = 'button';
  button.dataset.hint = hint.code;
  button.title = hint.text;
  button.addEventListener('click', () => lead(hint));
  return button;
}

function lead(hint) {
  const rows = [...document.querySelectorAll('main .badge[data-code="' + CSS.escape(hint.code) + '"]')].map(itemOf);
  const before = rows.indexOf(document.querySelector('.pointed'));
  const row = rows[(before + 1) % rows.length];
  byId('hint-text').dataset.code = hint.code;
  byId('hint-text').textContent = hint.text + (row ? '' : ' What it is about is older than what is shown.');
  document.querySelector('.pointed')?.classList.remove('pointed');
  if (!row) return;
  row.classList.add('pointed');
  row.scrollIntoView({ block: 'nearest' });
  rowOf(row).focus({ preventScroll: true });
}

const itemOf = (badge) => badge.closest('li, tr');
