// The engine tells what happens to our containers and networks; each is a reason to look.
import type { Engine } from '@copal/engine/engine.ts'
import { events, type EngineEvent } from '@copal/engine/system.ts'
import { label } from './labels.ts'
import { log, reasonOf } from './log.ts'
import { pause } from './pause.ts'

export interface Heard {
  /** Something happened, or we may have missed something. */
  look(): void
  /** A service of ours ended. */
  exited(app: string, service: string, exitCode: number): void
}

const actions = ['start', 'die', 'destroy', 'rename', 'pause', 'unpause', 'health_status']

/** Listens until aborted, through restarts of the engine. */
export async function listen(
  engine: Engine,
  namespace: string,
  heard: Heard,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      const stream = events(engine, {
        filters: { type: ['container', 'network'], event: actions },
        signal,
      })
      heard.look()
      for await (const event of stream) hear(event, namespace, heard)
    } catch (error) {
      if (!signal.aborted) log.warn(`cannot hear the engine: ${reasonOf(error)}`)
    }
    await pause(1000, signal)
  }
}

function hear({ Type, Action, Actor }: EngineEvent, namespace: string, heard: Heard): void {
  const { Attributes: labels } = Actor
  if (Type === 'container') {
    if (labels[label.supervised] === undefined) return
    if (namespace !== '' && labels[label.namespace] !== namespace) return
  }
  if (Action === 'die') {
    heard.exited(labels[label.appUuid] ?? '', labels[label.serviceName] ?? '', Number(labels['exitCode']))
  }
  heard.look()
}
