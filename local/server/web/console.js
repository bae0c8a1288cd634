// The console's page: its parts, and where a service has to be pointed.
import { byId } from './dom.js';
import './clear.js';
import { connect } from './stream.js';

byId('environment').textContent = 'export ALTERTABLE_BASE_URL=' + location.origin + '\nexport ALTERTABLE_API_KEY=any   # or one given with -key\n\ngo run ./examples/quickstart';
connect();
