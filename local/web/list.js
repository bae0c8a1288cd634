export const keep = 300;

// A View shows the newest items of a list, each under a key. An item that comes
// again replaces the old one; moves says whether it is the newest then.
export class View {
  constructor(list, key, render, moves) {
    Object.assign(this, { list, key, render, moves, shown: new Map() });
    this.panel = list.closest('.panel');
  }
  clear() {
    this.shown.clear();
    this.list.replaceChildren();
    this.panel.classList.remove('filled');
  }
  put(items, fresh) {
    for (const item of items) {
      const key = this.key(item), element = this.render(item), old = this.shown.get(key);
      const focused = old?.contains(document.activeElement);
      if (old?.querySelector('details')?.open) element.querySelector('details').open = true;
      if (old && !this.moves) old.replaceWith(element);
      else {
        old?.remove();
        if (fresh) element.classList.add('new');
        this.list.prepend(element);
        this.shown.delete(key); // the map's order is that of the list, reversed
      }
      this.shown.set(key, element);
      if (focused) element.querySelector('summary')?.focus();
    }
    while (this.shown.size > keep) this.remove(this.shown.keys().next().value);
    this.panel.classList.toggle('filled', this.shown.size > 0);
  }
  remove(key) {
    this.shown.get(key)?.remove();
    this.shown.delete(key);
  }
}
