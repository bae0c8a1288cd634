import { close, isOpen, keepOpen, Rover, rowOf } from './rows.js';

export const keep = 300;

// A View shows the newest items of a list, each under a key. An item that comes
// again replaces the old one; moves says whether it is the newest then.
//
// A list that somebody reads stands still: while an item is open, the list is
// scrolled or text in it is selected, while the keyboard is in it or a mouse
// aims, new items wait, and the panel's button .fresh says how many.
export class View {
  constructor(list, key, render, moves) {
    Object.assign(this, { list, key, render, moves, shown: new Map(), waiting: new Map(), left: new Set(), missed: 0, aiming: 0, pressed: false });
    this.panel = list.closest('.panel');
    this.scroller = list.closest('.scroll') ?? list;
    this.fresh = this.panel.querySelector('.fresh');
    this.rover = new Rover(list);
    this.fresh?.addEventListener('click', () => this.resume());
    this.watch();
  }

  // watch notices when the list is not read any more.
  watch() {
    const settle = () => this.settle();
    this.scroller.addEventListener('scroll', settle, { passive: true });
    this.list.addEventListener('opened', settle);
    this.list.addEventListener('toggle', settle, true);
    this.list.addEventListener('focusout', () => setTimeout(settle));
    document.addEventListener('selectionchange', settle);
    this.list.addEventListener('pointerdown', () => { this.pressed = true; });
    for (const up of ['pointerup', 'pointercancel']) {
      window.addEventListener(up, () => setTimeout(() => { this.pressed = false; settle(); })); // after the click
    }
    this.list.addEventListener('pointermove', (move) => {
      if (move.pointerType !== 'mouse') return;
      if (!move.buttons) this.pressed = false; // was let go outside of the window
      clearTimeout(this.aiming);
      this.aiming = setTimeout(() => { this.aiming = 0; settle(); }, 1000);
    });
  }

  paused() {
    const selection = getSelection(), focused = document.activeElement;
    return Boolean(this.aiming || this.pressed || this.scroller.scrollTop > 4 || isOpen(this.list) ||
      !selection.isCollapsed && selection.containsNode(this.list, true) ||
      this.list.contains(focused) && focused.matches(':focus-visible'));
  }

  clear() {
    this.shown.clear();
    this.waiting.clear();
    this.left.clear();
    this.missed = 0;
    this.list.replaceChildren();
    this.show();
  }

  // snapshot replaces all items, except under the eyes of who reads them.
  snapshot(items, continues) {
    if (continues && this.paused()) {
      this.put(items, true, true);
      const still = new Set(items.map(this.key));
      this.left = new Set([...this.shown.keys()].filter((key) => !still.has(key)));
      return;
    }
    this.clear();
    this.put(items, false);
  }

  // put takes items, those that changed last at the end. Known says that they
  // are not news if they are on the list.
  put(items, fresh, known) {
    const arrived = new Map();
    for (const item of items) {
      const key = this.key(item), old = this.shown.get(key);
      if (old) this.swap(old, key, item);
      if (old && (known || !this.moves)) continue;
      arrived.delete(key);
      arrived.set(key, item);
    }
    if (fresh && this.paused()) this.hold(arrived);
    else this.prepend(arrived, fresh);
    this.show();
  }

  hold(arrived) {
    for (const [key, item] of arrived) {
      this.waiting.delete(key);
      this.waiting.set(key, item);
    }
    for (const key of this.waiting.keys()) {
      if (this.waiting.size <= keep) break;
      this.waiting.delete(key);
      this.missed++;
    }
  }

  // swap puts what has changed where the item was.
  swap(old, key, item) {
    const element = this.draw(item), focused = old.contains(document.activeElement);
    old.replaceWith(element);
    keepOpen(element, old);
    this.shown.set(key, element);
    if (this.rover.current === old) this.rover.stopAt(element);
    if (focused) rowOf(element).focus({ preventScroll: true });
  }

  // prepend adds the newest at the top, all at once.
  prepend(arrived, fresh) {
    const top = document.createDocumentFragment();
    for (const [key, item] of [...arrived].slice(-keep)) {
      const element = this.draw(item);
      this.shown.get(key)?.remove();
      this.shown.delete(key); // the map's order is that of the list, reversed
      this.shown.set(key, element);
      if (fresh && arrived.size <= 20) element.classList.add('new');
      top.prepend(element);
    }
    this.list.prepend(top);
    for (const [key, element] of this.shown) {
      if (this.shown.size <= keep) break;
      element.remove();
      this.shown.delete(key);
    }
  }

  // append adds items that are older than all others, the newest of them last.
  append(items) {
    const older = new Map(), bottom = document.createDocumentFragment();
    for (const item of items) {
      const key = this.key(item);
      if (!this.shown.has(key)) older.set(key, this.draw(item));
    }
    for (const element of older.values()) bottom.prepend(element);
    const first = bottom.firstElementChild;
    this.list.append(bottom);
    this.shown = new Map([...older, ...this.shown]);
    this.show();
    return first;
  }

  draw(item) {
    const element = this.render(item);
    this.rover.prepare(element);
    return element;
  }

  remove(key) {
    this.shown.get(key)?.remove();
    this.shown.delete(key);
    this.waiting.delete(key);
  }

  // settle shows what waits as soon as nobody reads the list.
  settle() {
    if (!this.waiting.size && !this.left.size || this.paused()) return;
    this.flush();
  }

  flush() {
    const waiting = this.waiting;
    this.waiting = new Map();
    this.missed = 0;
    for (const key of this.left) this.remove(key);
    this.left.clear();
    this.prepend(waiting, true);
    this.show();
  }

  // resume is the button: its reader wants the newest.
  resume() {
    const focused = this.fresh.matches(':focus-visible');
    for (const item of this.list.children) if (isOpen(item)) close(item);
    getSelection().removeAllRanges();
    this.scroller.scrollTop = 0;
    this.flush();
    if (focused) rowOf(this.list.firstElementChild).focus();
  }

  show() {
    this.rover.settle();
    this.panel.classList.toggle('filled', this.shown.size > 0);
    if (!this.fresh) return;
    const count = this.waiting.size + this.missed;
    this.fresh.hidden = count === 0;
    this.fresh.textContent = count.toLocaleString('en') + ' new';
    this.changed?.();
  }
}
