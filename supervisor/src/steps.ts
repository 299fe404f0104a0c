// The deeds. `plan.ts` decides on them, `act.ts` does them; there are no others.
//
// The steps of one plan do not depend on each other and may be done at the same time: what has to wait is planned by a
// later round, from what the engine then shows. A step may be done twice without harm.

export type Step =
  /** Pull an image. Safe at any time, and goes on beside the rounds. */
  | { do: 'fetch'; image: string; service: string }
  /** Make a network of a release. */
  | { do: 'create network'; app: string; network: string }
  /** Make a volume of a release. One that has its name is taken as it is. */
  | { do: 'create volume'; app: string; volume: string }
  /** Ask a container to end, and kill it after its grace time. */
  | { do: 'stop'; container: string; service: string }
  /** Remove a container that does not run. */
  | { do: 'remove container'; container: string; service: string }
  /** The container stays as it is, but belongs to another release from now on. */
  | { do: 'rename'; container: string; service: string; name: string }
  /** Create and start a service's container, or start the one that exists. */
  | { do: 'start'; app: string; service: string; container: string | null }
  /** Take one of our names off an image; the last one takes the image along. */
  | { do: 'remove image'; reference: string }
  | { do: 'remove network'; name: string }
  /** Only for an app that has left the target: its data goes with it. */
  | { do: 'remove volume'; name: string }
  /** The release runs: from now on this is what the device says it runs. */
  | { do: 'note commit'; app: string; commit: string }

/** The same for the same deed, whichever round plans it. */
export function keyOf(step: Step): string {
  return JSON.stringify(step)
}
