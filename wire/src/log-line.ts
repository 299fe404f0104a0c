// Lines of a device's log, in (`POST /device/v2/<uuid>/log-stream`, ndjson) and out (`GET /device/v2/<uuid>/logs`).
import { z } from 'zod'

/** As a device sends it. Timestamps are epoch milliseconds; container lines carry `serviceId`. */
export const sentLine = z.object({
  message: z.string(),
  timestamp: z.number(),
  isSystem: z.boolean().optional(),
  isStdErr: z.boolean().optional(),
  serviceId: z.number().int().optional(),
})

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
export type StoredLine = z.infer<typeof storedLine>
