import type { Config } from '../config.ts'

/**
 * What the OS on a device asks for (device-api §9). Its schema demands both VPN fields as strings; empty ones leave the VPN
 * off, which our devices don't need: they have the line.
 */
export function osConfig(config: Config) {
  return {
    services: { openvpn: { config: '', ca: '' }, ssh: { authorized_keys: '' } },
    // Genuine supervisors speak TLS to the log endpoint whatever its scheme is, so it is always told as https.
    config: { overrides: { logsEndpoint: config.url.replace(/^http:/, 'https:') } },
    schema_version: '1.0.0',
  }
}
