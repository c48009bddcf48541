// A charge point written with npm `ocpp-rpc`: boots, waits to be approved, charges once, and ends.
// One line of JSON per step goes to standard output; the last one says everything the central system answered.
// With `pause` it stops half-way until a line comes on standard input: the server may be restarted meanwhile.
// With `obey` it charges only when it is told to, and ends when a line comes on standard input.
// With `deliver` it takes charging profiles and delivers diagnostics when it is told to, and ends likewise.
// OCPP_PASSWORD is its password as 40 hex digits; a root that Node does not know comes by NODE_EXTRA_CA_CERTS.

import { createInterface } from 'node:readline';
import { RPCClient } from 'ocpp-rpc';

const [endpoint, identity, idTag, mode] = process.argv.slice(2);
const START_WH = 1000;
const STEP_WH = 111;

const got = { answers: {}, calls: [], invalid: [], opened: 0, protocol: null };

const client = new RPCClient({
  endpoint,
  identity,
  password: process.env.OCPP_PASSWORD ? Buffer.from(process.env.OCPP_PASSWORD, 'hex') : undefined,
  protocols: ['ocpp1.6'],
  strictMode: true, // every answer of ours is checked against its own copy of the OCPP schemas
  callTimeoutMs: 20_000,
  backoff: { initialDelay: 100, maxDelay: 500 },
});

const say = (step, more = {}) => console.log(JSON.stringify({ step, ...more }));

client.on('open', () => {
  got.opened += 1;
  got.protocol = client.protocol;
});
client.on('strictValidationFailure', ({ method, outbound, error }) => {
  got.invalid.push({ method, outbound, error: String(error), details: error.details });
});
client.on('badMessage', ({ error }) => got.invalid.push({ error: String(error) }));

let bootWanted = () => {};
const triggered = new Promise((resolve) => { bootWanted = resolve; });
client.handle('TriggerMessage', ({ params }) => {
  got.calls.push(['TriggerMessage', params]);
  bootWanted();
  return { status: 'Accepted' };
});

async function call(action, payload) {
  const answer = await client.call(action, payload);
  (got.answers[action] ??= []).push(answer);
  return answer;
}

async function refused(action, payload) {
  try {
    await client.call(action, payload);
    return null;
  } catch (error) {
    if (!error.rpcErrorCode) throw error;
    return error.rpcErrorCode;
  }
}

const boot = () => call('BootNotification', {
  chargePointVendor: 'ocpp-rpc',
  chargePointModel: 'Node',
  chargePointSerialNumber: 'NPM-0001',
  firmwareVersion: '2.2.1',
});
const status = (connectorId, word) => call('StatusNotification', { connectorId, errorCode: 'NoError', status: word });
const now = () => new Date().toISOString();
const minute = (number) => new Date(Date.UTC(2026, 10, 1, 10, number)).toISOString();

async function approved() {
  if ((await boot()).status === 'Accepted') return;
  got.whilePending = await refused('Authorize', { idTag });
  say('pending');
  await triggered;
  await boot();
}

async function charge() {
  await status(0, 'Available');
  await call('Heartbeat', {});
  await call('Authorize', { idTag });
  await status(1, 'Preparing');
  const start = { connectorId: 1, idTag, meterStart: START_WH, timestamp: minute(0) };
  const { transactionId } = await call('StartTransaction', start);
  await status(1, 'Charging');
  for (let number = 1; number <= 10; number += 1) {
    if (number === 6 && mode === 'pause') await wait('half-way');
    const register = String(START_WH + STEP_WH * number);
    const sampledValue = [
      { value: register, measurand: 'Energy.Active.Import.Register', unit: 'Wh', context: 'Sample.Periodic' },
      { value: '7.4', measurand: 'Power.Active.Import', unit: 'kW' },
      { value: '16.1', measurand: 'Current.Import', unit: 'A', phase: 'L1' },
    ];
    await call('MeterValues', { connectorId: 1, transactionId, meterValue: [{ timestamp: minute(number), sampledValue }] });
  }
  const meterStop = START_WH + STEP_WH * 10 + 7;
  await call('StopTransaction', { transactionId, idTag, meterStop, timestamp: minute(11), reason: 'EVDisconnected' });
  await status(1, 'Available');
  await call('DataTransfer', { vendorId: 'org.example', messageId: 'hello', data: '{}' });
}

async function wait(step) {
  say(step);
  const lines = createInterface({ input: process.stdin });
  await new Promise((resolve) => { lines.once('line', resolve); });
  lines.close();
}

// Each command's answer, and what the station does once the answer has left.
let running = null;
const COMMANDS = {
  ChangeAvailability: () => ['Accepted', () => status(1, 'Unavailable')],
  ChangeConfiguration: () => ['RebootRequired'],
  ClearCache: () => ['Accepted'],
  DataTransfer: () => ['UnknownVendorId'],
  RemoteStartTransaction: (told) => ['Accepted', () => start(told)],
  RemoteStopTransaction: ({ transactionId }) => (transactionId === running ? ['Accepted', stop] : ['Rejected']),
  Reset: () => ['Accepted', boot],
  UnlockConnector: () => ['UnlockFailed'],
};

async function start(told) {
  const request = { connectorId: told.connectorId, idTag: told.idTag, meterStart: START_WH, timestamp: now() };
  running = (await call('StartTransaction', request)).transactionId;
}

async function stop() {
  await call('StopTransaction', { transactionId: running, meterStop: START_WH + 1, timestamp: now(), reason: 'Remote' });
}

function obey() {
  for (const [action, decide] of Object.entries(COMMANDS)) {
    client.handle(action, ({ params }) => {
      got.calls.push([action, params]);
      const [verdict, then] = decide(params);
      if (then) setTimeout(then, 0);
      return { status: verdict };
    });
  }
  client.handle('GetConfiguration', ({ params }) => {
    got.calls.push(['GetConfiguration', params]);
    return { configurationKey: [{ key: 'HeartbeatInterval', readonly: false, value: '300' }], unknownKey: ['Foo'] };
  });
}

// What it was told to deliver, sent once the answer has left.
async function upload(location) {
  await call('DiagnosticsStatusNotification', { status: 'Uploading' });
  const answer = await fetch(`${location}node.log`, { method: 'PUT', body: 'all is well\n' });
  await call('DiagnosticsStatusNotification', { status: answer.ok ? 'Uploaded' : 'UploadFailed' });
  say('delivered', { status: answer.status });
}

function deliver() {
  client.handle('SetChargingProfile', ({ params }) => {
    got.calls.push(['SetChargingProfile', params]);
    return { status: 'Accepted' };
  });
  client.handle('GetDiagnostics', ({ params }) => {
    got.calls.push(['GetDiagnostics', params]);
    setTimeout(() => upload(params.location), 0);
    return { fileName: 'node.log' };
  });
}

await client.connect();
await approved();
if (mode === 'obey') {
  obey();
  await status(1, 'Available');
  await wait('obeys');
} else if (mode === 'deliver') {
  deliver();
  await status(1, 'Available');
  await wait('delivers');
} else {
  await charge();
}
await client.close({ code: 1000 });
say('done', got);
