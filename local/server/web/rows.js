import { make } from './dom.js';

// The rows of a list. Each item has one control that stands for it, which is
// [data-row], or else its first link or button. The list is one stop for the
// Tab key: arrow keys, Home and End go from row to row, left and right to the
// other controls of a row. What is in a .detail has its own stops.
const controls = 'a[href], button, summary, [data-row]';
const outside = (element, item) => !element.closest('.detail') || element.closest('.detail').contains(item);
const controlsOf = (item) => [...item.querySelectorAll(controls)].filter((element) => outside(element, item));

export function rowOf(item) {
  return item.querySelector('[data-row]') ?? controlsOf(item)[0] ?? item;
}

// A Rover keeps one control of a list reachable by Tab.
export class Rover {
  constructor(list) {
    this.list = list;
    this.current = null;
    list.addEventListener('focusin', (focus) => this.stopAt(this.itemOf(focus.target)));
    list.addEventListener('keydown', (press) => this.move(press));
  }
  itemOf(element) {
    while (element && element.parentElement !== this.list) element = element.parentElement;
    return element;
  }
  // prepare takes a new item's controls out of the Tab order.
  prepare(item) {
    for (const control of controlsOf(item)) control.tabIndex = -1;
    rowOf(item).tabIndex = -1;
  }
  stopAt(item) {
    if (!item) return;
    if (this.current) rowOf(this.current).tabIndex = -1;
    this.current = item;
    rowOf(item).tabIndex = 0;
  }
  // settle gives the list a stop again after its items have changed.
  settle() {
    if (this.current?.parentElement !== this.list) this.current = null;
    this.stopAt(this.current ?? this.list.firstElementChild);
  }
  move(press) {
    const item = this.itemOf(press.target);
    if (!item || press.altKey || press.ctrlKey || press.metaKey || !outside(press.target, item)) return;
    const to = this.next(press.key, item, press.target);
    if (!to) return;
    press.preventDefault();
    to.focus();
  }
  next(key, item, from) {
    const row = controlsOf(item);
    const beside = (step) => row[row.indexOf(from) + step];
    const sibling = {
      ArrowDown: () => item.nextElementSibling,
      ArrowUp: () => item.previousElementSibling,
      Home: () => this.list.firstElementChild,
      End: () => this.list.lastElementChild,
    }[key]?.();
    if (sibling) return rowOf(sibling);
    if (key === 'ArrowRight') return beside(1);
    if (key === 'ArrowLeft') return beside(-1);
    return null;
  }
}

const openers = new WeakMap();

// expandable makes the button open an element below the item's row, which is
// what fill returns, or resolves to. fill is asked each time.
export function expandable(item, button, fill) {
  const detail = make('div', 'detail');
  let asked = 0;
  button.type = 'button';
  button.setAttribute('aria-expanded', 'false');
  const load = async () => {
    const ask = ++asked;
    let content;
    try {
      content = await fill();
    } catch (error) {
      content = make('p', 'problem', error.message);
    }
    if (ask === asked) detail.replaceChildren(content);
  };
  const set = (open, before) => {
    button.setAttribute('aria-expanded', String(open));
    if (!open) return detail.remove();
    detail.replaceChildren(...(before?.childNodes ?? [make('p', 'problem', 'loading')]));
    item.append(detail);
    load();
  };
  openers.set(item, { set, load, detail });
  const toggle = () => {
    set(button.getAttribute('aria-expanded') !== 'true');
    item.dispatchEvent(new Event('opened', { bubbles: true }));
  };
  button.addEventListener('click', toggle);
  item.addEventListener('click', (click) => {
    if (!click.target.closest('.detail, ' + controls) && getSelection().isCollapsed) toggle(); // the whole row is the button
  });
}

export const isOpen = (item) => Boolean(item.querySelector('[aria-expanded="true"], details[open]'));

// close closes what is open in the item.
export function close(item) {
  openers.get(item)?.set(false);
  for (const details of item.querySelectorAll('details[open]')) details.open = false;
}

// keepOpen opens an item as the one that it replaces, with the old content until
// the new one is there.
export function keepOpen(item, old) {
  if (!isOpen(old)) return;
  openers.get(item)?.set(true, openers.get(old)?.detail);
  const details = item.querySelector('details');
  if (details && old.querySelector('details[open]')) details.open = true;
}

// reload asks for an open item's detail again.
export function reload(item) {
  if (isOpen(item)) openers.get(item)?.load();
}
