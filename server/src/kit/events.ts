import postgres from 'postgres'
import { connectionOptions, type Topic } from './db/db.ts'

export interface Event {
  topic: Topic
  [about: string]: number | string
}

/** Hears what copies tell each other. An event may be lost: it must only ever save time. */
export interface Events extends AsyncDisposable {
  /** False while the listening connection is down: caches are empty then, and must be bypassed. */
  readonly listening: boolean
  on(topic: Topic, heard: (event: Event) => void): () => void
  /** Called when the listening connection was lost or is back: whatever was cached may be stale. */
  onGap(forget: () => void): () => void
}

export async function listen(url: string, onError: (error: unknown) => void): Promise<Events> {
  const ears = new Map<Topic, Set<(event: Event) => void>>()
  const forgetful = new Set<() => void>()
  let listening = false
  const gap = (now: boolean) => {
    listening = now
    for (const forget of forgetful) forget()
  }
  const sql = postgres({
    ...connectionOptions(url, 1),
    idle_timeout: 0,
    max_lifetime: null,
    onclose: () => gap(false),
  })
  await sql.listen(
    'copal',
    (text) => {
      try {
        const event = JSON.parse(text) as Event
        for (const heard of ears.get(event.topic) ?? []) heard(event)
      } catch (error) {
        onError(error)
      }
    },
    () => gap(true),
  )
  return {
    get listening() {
      return listening
    },
    on(topic, heard) {
      const set = ears.get(topic) ?? new Set()
      ears.set(topic, set.add(heard))
      return () => set.delete(heard)
    },
    onGap(forget) {
      forgetful.add(forget)
      return () => forgetful.delete(forget)
    },
    async [Symbol.asyncDispose]() {
      await sql.end({ timeout: 1 })
    },
  }
}
