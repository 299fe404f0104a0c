import type { Engine } from '@copal/engine/engine.ts'

/** An engine that builds for one organization, for as long as it is held. */
export interface Builder extends AsyncDisposable {
  engine: Engine
  /** `host:port` of our registry as this engine reaches it. */
  registryHost: string
}
