// A central system on npm `ocpp-rpc` in strict mode: every frame of both directions is checked, nothing is stored.
// It stands for how fast a server can be that promises nothing. `node ocpp_rpc.mjs PORT`

import { RPCServer } from 'ocpp-rpc';

const server = new RPCServer({ protocols: ['ocpp1.6'], strictMode: true, pingIntervalMs: 20_000 });
const accepted = { idTagInfo: { status: 'Accepted' } };
let transactionId = 0;

server.auth((accept) => accept());
server.on('client', (client) => {
  const now = () => ({ currentTime: new Date().toISOString() });
  client.handle('BootNotification', () => ({ status: 'Accepted', interval: 300, ...now() }));
  client.handle('Heartbeat', now);
  client.handle('Authorize', () => accepted);
  client.handle('StatusNotification', () => ({}));
  client.handle('StartTransaction', () => ({ transactionId: (transactionId += 1), ...accepted }));
  client.handle('StopTransaction', () => accepted);
  client.handle('MeterValues', () => ({}));
});

process.on('SIGTERM', () => process.exit(0));
await server.listen(Number(process.argv[2]), '127.0.0.1');
