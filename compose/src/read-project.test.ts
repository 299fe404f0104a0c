import assert from 'node:assert/strict'
import { test } from 'node:test'
import { read, written } from '../testing/projects.ts'

test('a project without a compose file runs as one privileged service main with its data in a volume', async () => {
  const project = await read(written({ Dockerfile: 'FROM scratch\n' }))
  assert.deepEqual(project.composition, {
    networks: {},
    volumes: { 'resin-data': {} },
    services: {
      main: {
        build: { context: '.' },
        privileged: true,
        tty: true,
        restart: 'always',
        network_mode: 'host',
        volumes: ['resin-data:/data'],
        labels: {
          'io.resin.features.kernel-modules': '1',
          'io.resin.features.firmware': '1',
          'io.resin.features.dbus': '1',
          'io.resin.features.supervisor-api': '1',
          'io.resin.features.resin-api': '1',
        },
      },
    },
  })
  assert.equal(project.services[0]!.build!.dockerfile.kind, 'Standard Dockerfile')
})
