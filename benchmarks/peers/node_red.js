// Node-RED as a library, on a free port of the loopback which it prints: http in, function, http request, response.
// Nothing but the flow is served, nothing is sent home, nothing is installed. Arguments: the partner's port, a folder.
const fs = require('fs');
const http = require('http');
const path = require('path');
const express = require('express');
const RED = require('node-red');

const [partner, folder] = process.argv.slice(2);
const flow = [
  {id: 'tab', type: 'tab', label: 'orders'},
  {id: 'in', type: 'http in', z: 'tab', url: '/orders', method: 'post', wires: [['map']]},
  {id: 'map', type: 'function', z: 'tab', outputs: 1, libs: [],
    func: fs.readFileSync(path.join(__dirname, 'mapping.js'), 'utf8'), wires: [['send']]},
  {id: 'send', type: 'http request', z: 'tab', method: 'POST', ret: 'txt', persist: true,
    url: `http://127.0.0.1:${partner}/sales-orders`, wires: [['out']]},
  {id: 'out', type: 'http response', z: 'tab', wires: []},
];
fs.writeFileSync(path.join(folder, 'flows.json'), JSON.stringify(flow));

const app = express();
const server = http.createServer(app);
RED.init(server, {
  userDir: folder,
  flowFile: 'flows.json',
  credentialSecret: false,
  httpAdminRoot: false,
  httpNodeRoot: '/',
  disableEditor: true,
  telemetry: {enabled: false, updateNotification: false},
  externalModules: {autoInstall: false, palette: {allowInstall: false, allowUpdate: false, allowUpload: false}},
  functionExternalModules: false,
  logging: {console: {level: 'error', metrics: false, audit: false}},
});
app.use('/', RED.httpNode);
RED.events.on('flows:started', () => {
  if (!server.listening) {
    server.listen(0, '127.0.0.1', () => console.log(server.address().port));
  }
});
RED.start();
process.on('SIGTERM', () => process.exit(0));
