import { byId, make, timeElement } from './dom.js';
import { View } from './list.js';

function requestRow(request) {
  const status = make('span', 'status', request.status ? String(request.status) : 'reset');
  if (!request.status || request.status >= 500) status.classList.add('broken');
  else if (request.status >= 300) status.classList.add('refused');
  const what = make('td', '', make('span', 'mono', request.method + ' ' + request.path));
  if (request.reason) what.append(make('div', 'reason', request.reason));
  return make('tr', '',
    make('td', '', timeElement(request.start)), what, make('td', '', status),
    make('td', 'number', request.count ? String(request.count) : ''),
    make('td', 'number', request.duration_ms.toFixed(request.duration_ms < 1 ? 2 : 1) + ' ms'));
}

export const requests = new View(byId('requests'), (r) => r.n, requestRow, false);
