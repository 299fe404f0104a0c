// Lines of a device's log, in (`POST /device/v2/<uuid>/log-stream`, ndjson) and out (`GET /device/v2/<uuid>/logs`).
import { z } from 'zod'

/** As a device sends it. Timestamps are epoch milliseconds; container lines carry `serviceId`. */
export const sentLine = z.object({
  message: z.string(),
  timestamp: z.number(),
  isSystem: z.boolean().optional(),
  isStdErr: z.boolean().optional(),
  serviceId: z.number().int().optional(),
  /** Which log it stands in (a container's, or that of one run of the supervisor), and where. Only lines of devices that claim have both. */
  source: z.string().max(100).optional(),
  place: z.string().max(100).optional(),
})

/**
 * `POST /device/v2/<uuid>/log-claim`: what the platform has of each source, by the place of its last stored line. Streams that
 * name another claim than the newest (`log-stream?claim=`) are answered 409, and store nothing.
 */
export const logClaim = z.object({ claim: z.string(), places: z.record(z.string(), z.string()) })

/** As a reader gets it. */
export const storedLine = z.object({
  createdAt: z.number(),
  timestamp: z.number(),
  isSystem: z.boolean(),
  isStdErr: z.boolean(),
  message: z.string(),
  serviceId: z.number().int().nullable().optional(),
})

export type SentLine = z.infer<typeof sentLine>
export type LogClaim = z.infer<typeof logClaim>
export type StoredLine = z.infer<typeof storedLine>
