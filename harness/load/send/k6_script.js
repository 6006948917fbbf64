// Written by `waybill load --export k6`: the same messages, the same schedule, the same limits, for k6.
//
//   k6 run -e URL=http://127.0.0.1:8080 -e WAYBILL_SECRET_NAME=… load.js
//
// Messages are signed as they are sent, with the secrets of the engine they go to: none stands in these files. k6 sends
// evenly within a phase where Waybill draws Poisson arrivals, and it sees answers alone: what becomes of an event
// afterwards (complete, loss, order) is for `waybill load` to say.
import http from 'k6/http';
import exec from 'k6/execution';
import crypto from 'k6/crypto';
import { SharedArray } from 'k6/data';
import { check } from 'k6';

const MESSAGES = new SharedArray('messages', () => JSON.parse(open('./messages.json')).messages);
const ORDER = new SharedArray('order', () => JSON.parse(open('./messages.json')).order);
const SENDERS = __SENDERS__;
const ACCEPTED = new Set([200, 202]);

export const options = __OPTIONS__;

for (const { secret } of Object.values(SENDERS)) {
  if (!__ENV[`WAYBILL_SECRET_${secret}`]) throw new Error(`say the engine's secret: -e WAYBILL_SECRET_${secret}=…`);
}

function signed(sender, body) {
  const secret = __ENV[`WAYBILL_SECRET_${sender.secret}`];
  if (sender.scheme === 'stripe') {
    const stamp = Math.floor(Date.now() / 1000);
    return { 'Stripe-Signature': `t=${stamp},v1=${crypto.hmac('sha256', secret, `${stamp}.${body}`, 'hex')}` };
  }
  return { [sender.header]: sender.prefix + crypto.hmac('sha256', secret, body, sender.encoding) };
}

export default function () {
  const place = Number(__ENV.FIRST) + (exec.scenario.iterationInTest % Number(__ENV.COUNT));
  const { integration, path, headers, body } = MESSAGES[ORDER[place]];
  const answer = http.post(`${__ENV.URL || '__URL__'}${path}`, body, {
    headers: { ...headers, ...signed(SENDERS[integration], body) },
    tags: { integration, name: path },
    responseCallback: http.expectedStatuses(...ACCEPTED),
  });
  check(answer, { accepted: ({ status }) => ACCEPTED.has(status) }, { integration });
}
