// The line: one WebSocket that a device keeps open to the platform, `GET /device/v3/<uuid>/line` with its key as Bearer.
//
// Text frames are the JSON messages below, one a frame. Binary frames are reserved for channels (tunnels, transfers):
// four bytes of channel number, big-endian, then payload; a receiver that knows no such channel ignores the frame.
// Unknown `t` values are ignored, so that either side may be newer.
//
// The device decides how often it pings: as seldom as its path allows, from 30 s to 5 min.
import { z } from 'zod'

export const fromDevice = z.discriminatedUnion('t', [
  /** First message. `etag` is that of the target state on the device's disk, if any. */
  z.object({ t: z.literal('hello'), supervisor: z.string(), etag: z.string().nullable() }),
  /** The regular look at the target; answered by `target` or `unchanged`. Counts as a successful fetch. */
  z.object({ t: z.literal('look'), etag: z.string().nullable() }),
  /** Keeps the path open; metrics ride along, as differences (fields of the state report). `next` is when the next one comes, in ms. */
  z.object({ t: z.literal('ping'), next: z.number(), metrics: z.record(z.string(), z.unknown()).optional() }),
  /** Answer to `probe`. */
  z.object({ t: z.literal('here'), id: z.number() }),
])

export const fromPlatform = z.discriminatedUnion('t', [
  /** Something that this device runs by changed: look. */
  z.object({ t: z.literal('changed') }),
  /** The whole target state (`target-state.ts`), as over HTTPS. */
  z.object({ t: z.literal('target'), etag: z.string(), state: z.unknown() }),
  z.object({ t: z.literal('unchanged') }),
  z.object({ t: z.literal('pong') }),
  /** Somebody asks for this device: answer within 5 s or count as gone. */
  z.object({ t: z.literal('probe'), id: z.number() }),
])

export type FromDevice = z.infer<typeof fromDevice>
export type FromPlatform = z.infer<typeof fromPlatform>
