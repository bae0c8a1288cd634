import { byId, clock, copyButton, facts, fetchJSON, hintBadges, hintSentences, make, timeElement } from './dom.js';
import { keep, View } from './list.js';
import { expandable } from './rows.js';
import { count, elements, pretty } from './text.js';

const isRefused = (request) => !request.status || request.status >= 300;

const names = {
  0: 'the connection was reset, or the client left', 200: 'OK', 202: 'Accepted', 204: 'No Content', 400: 'Bad Request', 401: 'Unauthorized',
  403: 'Forbidden', 404: 'Not Found', 405: 'Method Not Allowed', 413: 'Content Too Large', 415: 'Unsupported Media Type', 421: 'Misdirected Request',
  422: 'Unprocessable Content', 429: 'Too Many Requests', 500: 'Internal Server Error', 502: 'Bad Gateway', 503: 'Service Unavailable', 504: 'Gateway Timeout',
};

function statusElement(request) {
  const status = make('span', 'status', request.status ? String(request.status) : 'reset');
  if (!request.status || request.status >= 500) status.classList.add('broken');
  else if (request.status >= 300) status.classList.add('refused');
  return status;
}

const took = (request) => request.duration_ms.toFixed(request.duration_ms < 1 ? 2 : 1) + ' ms';

function size(bytes) {
  if (bytes < 1024) return count(bytes, 'byte');
  return bytes < 1 << 20 ? (bytes / 1024).toFixed(1) + ' KiB' : (bytes / (1 << 20)).toFixed(2) + ' MiB';
}

function requestItem(request) {
  const what = make('span', 'what', make('span', 'mono', request.method + ' ' + request.path));
  const hints = hintBadges(request.hints);
  if (hints.childElementCount) what.append(hints);
  const button = make('button', 'line', timeElement(request.start), what,
    make('span', 'messages', request.count ? count(request.count, 'message') : ''), make('span', 'took', took(request)), statusElement(request));
  if (request.reason) button.append(make('span', 'reason', request.reason));
  button.dataset.row = '';
  const item = make('li', isRefused(request) ? 'request wrong' : 'request', button);
  expandable(item, button, async () => detail(await fetchJSON('/console/requests/' + request.n)));
  return item;
}

function detail(request) {
  const address = request.method + ' ' + request.path + (request.query ? '?' + request.query : '');
  const all = make('div', 'opened');
  if (request.reason) all.append(make('p', 'refusal', request.reason));
  if (request.hints?.length) all.append(hintSentences(request.hints));
  all.append(facts([
    ['request', address],
    ['status', (request.status ? request.status + ' ' : '') + (names[request.status] ?? '')],
    ['key', request.auth ? 'in ' + request.auth : 'none was sent'],
    ['user agent', request.user_agent],
    ['content type', request.content_type],
    ['messages', request.count ? String(request.count) : ''],
    ['took', took(request)],
    ['arrived', clock(request.start) + '  (' + request.start + ')'],
  ]), body(request));
  return all;
}

// culprit is the message that a refusal names, if the body is an array.
function culprit(request) {
  const index = /^message (\d+):/.exec(request.reason)?.[1];
  const messages = index !== undefined && !request.truncated && elements(request.body);
  return messages?.[index] ? { index, of: messages.length, text: messages[index] } : null;
}

function code(text, label) {
  const element = make('pre', 'code', pretty(text));
  element.tabIndex = 0;
  element.setAttribute('role', 'region');
  element.setAttribute('aria-label', label);
  return element;
}

function body(request) {
  const part = make('div', 'body');
  if (!request.body) {
    part.append(make('p', 'note', request.body_missing ? 'The body is not here: ' + request.body_missing : 'It had no body.'));
    return part;
  }
  const guilty = culprit(request);
  if (guilty) part.append(make('h3', '', 'Message ' + guilty.index + ', counted from 0, of ' + guilty.of), code(guilty.text, 'Refused message'));
  part.append(make('h3', '', 'Body ', make('small', '', size(request.size)), copyButton(request.body, 'Copy the body')));
  if (request.truncated) part.append(make('p', 'note', 'Only its beginning is kept.'));
  part.append(code(request.body, 'Body'));
  return part;
}

// Requests shows all requests or those that were refused, which it remembers
// for longer.
class Requests extends View {
  all = new Map();
  only = false;

  clear() {
    this.all.clear();
    super.clear();
  }

  put(items, fresh) {
    for (const item of items) this.all.set(item.n, item);
    this.forget();
    super.put(this.only ? items.filter(isRefused) : items, fresh);
    this.tell();
  }

  // forget keeps the newest of both kinds.
  forget() {
    let fine = 0, wrong = 0;
    for (const item of [...this.all.values()].reverse()) {
      if ((isRefused(item) ? ++wrong : ++fine) > keep) this.all.delete(item.n);
    }
  }

  filter(only) {
    this.only = only;
    super.clear();
    super.put([...this.all.values()].filter((item) => !only || isRefused(item)).slice(-keep), false);
    this.tell();
  }

  tell() {
    const wrong = [...this.all.values()].filter(isRefused).length;
    byId('only-refused').querySelector('b').textContent = wrong.toLocaleString('en');
    byId('only-refused').disabled = wrong === 0 && !this.only;
    this.panel.querySelector('.empty').textContent = this.only ? 'No request was refused.' : 'No requests yet.';
  }
}

export const requests = new Requests(byId('requests'), (r) => r.n, requestItem, false);

byId('only-refused').addEventListener('click', () => {
  requests.filter(!requests.only);
  byId('only-refused').setAttribute('aria-pressed', String(requests.only));
});
