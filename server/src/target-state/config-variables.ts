// Config variables as devices read them: `BALENA_X` and `RESIN_X` are one variable. Everything that reads a setting of a
// device (target state, labels, heartbeat) reads it here, so that no two readers differ.

export type Variables = Record<string, string>

const prefix = /^(?:BALENA|RESIN)_/
const nameOnWire = /^[a-zA-Z_][a-zA-Z0-9_:]*$/
/** For people's screens only; devices never get them. */
const hidden = (bare: string) =>
  bare.startsWith('UI_') || bare.includes('_UI_') || bare === 'HOST_LOG_TO_DISPLAY'

const pollDefault = 900_000
const pollFloor = 600_000
export const pollName = 'SUPERVISOR_POLL_INTERVAL'

/** The winner for each bare name: `BALENA_` before `RESIN_`, after that the device before the fleet. */
export function readConfig(fleet: Variables, device: Variables): Map<string, string> {
  const winners = new Map<string, string>()
  for (const spelling of ['RESIN_', 'BALENA_'])
    for (const variables of [fleet, device])
      for (const [name, value] of Object.entries(variables))
        if (name.startsWith(spelling)) winners.set(name.replace(prefix, ''), value)
  return winners
}

/** What goes to the device: one spelling for each variable, sorted; the poll interval always, and never below its floor. */
export function configForDevice(winners: Map<string, string>): Variables {
  const config = new Map([...winners].filter(([bare]) => !hidden(bare) && nameOnWire.test(bare)))
  config.set(pollName, String(pollInterval(winners)))
  return Object.fromEntries([...config].sort(byName).map(([bare, value]) => [`RESIN_${bare}`, value]))
}

/** How often the device looks when it has no line, in ms. */
export function pollInterval(winners: Map<string, string>): number {
  const wanted = Number(winners.get(pollName))
  return Math.max(pollFloor, Number.isSafeInteger(wanted) && wanted > 0 ? wanted : pollDefault)
}

export const byName = ([a]: [string, unknown], [b]: [string, unknown]) => (a < b ? -1 : a > b ? 1 : 0)
