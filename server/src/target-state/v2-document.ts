import type { TargetApp, TargetDevice } from '@copal/wire/target-state.ts'

/** The older form of the document, by ids: what SDKs show as a device's target (`GET /device/v2/<uuid>/state`). */
export function v2Document(target: TargetDevice, fleet: TargetApp | undefined) {
  const [commit, release] = Object.entries(fleet?.releases ?? {})[0] ?? []
  const services = Object.entries(release?.services ?? {}).map(([serviceName, service]) => {
    const { id, image_id, image, running, environment, labels, contract, composition } = service
    return [
      id,
      {
        ...composition,
        imageId: image_id,
        serviceName,
        image,
        running,
        environment,
        labels,
        ...(contract && { contract }),
      },
    ]
  })
  const app = fleet && {
    name: fleet.name,
    ...(release && { commit, releaseId: release.id }),
    services: Object.fromEntries(services),
    volumes: release?.volumes ?? {},
    networks: release?.networks ?? {},
  }
  return {
    local: { name: target.name, config: target.config, apps: app ? { [fleet.id]: app } : {} },
    dependent: { apps: {}, devices: {} },
  }
}
