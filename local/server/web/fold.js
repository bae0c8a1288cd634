import { make } from './dom.js';
import { clipped, count } from './text.js';

// folded shows the beginning of a text of more than max characters, and all of
// it when its button is pressed. unfolded remembers by a key which are open, for
// a list that draws its items again. A text that ends in an ellipsis was cut
// off by the server.
export function folded(text, max, unfolded = new Set(), key = '') {
  if (text.length <= max) return make('span', 'value', text);
  const value = make('span', 'value'), button = make('button', 'fold');
  const draw = () => {
    const open = unfolded.has(key);
    value.textContent = open ? text : clipped(text, max);
    button.textContent = open ? 'show less' : text.endsWith('\u2026') ? 'show more' : 'show all ' + count(text.length, 'character');
    button.setAttribute('aria-expanded', String(open));
  };
  button.type = 'button';
  button.addEventListener('click', () => {
    if (!unfolded.delete(key)) unfolded.add(key);
    draw();
  });
  draw();
  return make('span', 'folded', value, ' ', button);
}
