import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fleetSettings } from './fleet-settings.ts'

test("the builder's own settings are told from what builds get", () => {
  assert.deepEqual(
    fleetSettings({ COPAL_PROJECT_DIRECTORY: 'apps/kiosk', COPAL_KEEP_DOLLARS: '1', PORT: '80' }),
    { settings: { projectDirectory: 'apps/kiosk', keepDollars: true }, buildVariables: { PORT: '80' } },
  )
  assert.deepEqual(fleetSettings({ COPAL_PROJECT_DIRECTORY: '', COPAL_KEEP_DOLLARS: 'no' }), {
    settings: { keepDollars: false },
    buildVariables: {},
  })
})
