// The patterns that names must match on the wire (protocol: device state v3, "Validation done on the device").
import { z } from 'zod'

/** 32 or 62 lower-case hex digits. */
export const deviceUuid = z.string().regex(/^(?:[0-9a-f]{32}|[0-9a-f]{62})$/)

/** A service, volume or network of a release. */
export const partName = z
  .string()
  .max(255)
  .regex(/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/)

export const environmentName = z.string().regex(/^[a-zA-Z_][a-zA-Z0-9_]*$/)
export const configName = z
  .string()
  .max(255)
  .regex(/^[a-zA-Z_][a-zA-Z0-9_:]*$/)
