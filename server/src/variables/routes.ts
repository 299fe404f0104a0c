import type { FastifyInstance } from 'fastify'
import { invalidConfigName, invalidName, reservedNames, reservedNamespaces } from './rules.ts'

const both = (names: string[]) =>
  names.flatMap((name) => reservedNamespaces.map((prefix) => `${prefix}${name}`))

const supervisorSettings = [
  'CONNECTIVITY_CHECK',
  'HANDOVER_TIMEOUT',
  'LOCAL_MODE',
  'LOG_CONTROL',
  'POLL_INTERVAL',
  'UPDATE_STRATEGY',
  'VPN_CONTROL',
  'PERSISTENT_LOGGING',
  'INSTANT_UPDATE_TRIGGER',
  'HARDWARE_METRICS',
].map((name) => `SUPERVISOR_${name}`)

/** How a name tells what kind of variable it is (cloud-api §4.1): the CLI asks before it sets one. */
export const configVars = {
  reservedNames,
  reservedNamespaces,
  invalidRegex: String(invalidName),
  configVarInvalidRegex: String(invalidConfigName),
  whiteListedNames: both([
    'APP_RESTART_POLICY',
    'APP_RESTART_RETRIES',
    'DEPENDENT_DEVICES_HOOK_ADDRESS',
    'OVERRIDE_LOCK',
    ...supervisorSettings,
  ]),
  whiteListedNamespaces: both(['HOST_', 'UI_']),
  blackListedNames: both([
    'RESTART',
    'DEVICE_RESTART',
    'SUPERVISOR_OVERRIDE_LOCK',
    'SUPERVISOR_NATIVE_LOGGER',
    'HOST_LOG_TO_DISPLAY',
  ]),
  configVarSchema: { type: 'object', $schema: 'http://json-schema.org/draft-06/schema#', properties: {} },
}

export function variableRoutes(app: FastifyInstance): void {
  app.get('/config/vars', () => configVars)
}
