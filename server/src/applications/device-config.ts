// The config.json of a device that is to join a fleet (cloud-api §4.3). Pure.

export interface DeviceConfigWish {
  deviceType: string
  /** Minutes. */
  appUpdatePollInterval?: number | undefined
  network?: string | undefined
  wifiSsid?: string | undefined
  wifiKey?: string | undefined
  ip?: string | undefined
  gateway?: string | undefined
  netmask?: string | undefined
  developmentMode?: boolean | undefined
  secureboot?: boolean | undefined
}

export interface Place {
  /** `https://host[:port]` */
  url: string
  /** PEM of the CA that signs the platform's certificate. */
  ca: string
  application: number
  user: number
  apiKey: string
}

export function deviceConfig(place: Place, wish: DeviceConfigWish): Record<string, unknown> {
  const { host, hostname } = new URL(place.url)
  const wifi = wish.network === 'wifi' && { wifiSsid: wish.wifiSsid, wifiKey: wish.wifiKey }
  const address = wish.ip && { ip: wish.ip, gateway: wish.gateway, netmask: wish.netmask }
  return {
    applicationId: place.application,
    deviceType: wish.deviceType,
    userId: place.user,
    appUpdatePollInterval: (wish.appUpdatePollInterval ?? 1) * 60_000,
    listenPort: 48484,
    vpnPort: 443,
    apiEndpoint: place.url,
    vpnEndpoint: hostname,
    registryEndpoint: host,
    deltaEndpoint: place.url,
    logsEndpoint: place.url,
    mixpanelToken: '',
    apiKey: place.apiKey,
    balenaRootCA: Buffer.from(place.ca).toString('base64'),
    ...wifi,
    ...address,
    ...(wish.developmentMode !== undefined && { developmentMode: wish.developmentMode }),
    ...(wish.secureboot !== undefined && { installer: { secureboot: wish.secureboot } }),
  }
}
