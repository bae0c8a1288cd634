// The button that forgets everything, and its question.
import { announce, byId, fetchJSON } from './dom.js';

byId('clear').addEventListener('click', () => {
  byId('clear-error').textContent = '';
  byId('clear-dialog').showModal();
});

byId('clear-confirm').addEventListener('click', async () => {
  byId('clear-confirm').disabled = true;
  try {
    await fetchJSON('/console/clear', { method: 'POST' });
    byId('clear-dialog').close();
    announce('Everything is forgotten.');
  } catch (error) {
    byId('clear-error').textContent = error.message;
  }
  byId('clear-confirm').disabled = false;
});
