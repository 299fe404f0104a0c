// The three calls that shell scripts of the OS still make to `/v6/` (device-api §11): progress of the flasher, the pin of a
// preloaded device, and the daily question which supervisor to run.
import type { Actor } from '../auth/actor.ts'
import type { Context } from '../context.ts'
import {
  everybody,
  computed,
  many,
  nullable,
  one,
  readOnly,
  resource,
  shownAs,
  text,
  type Resource,
} from '../kit/odata/resource.ts'
import { rawVersion } from '../releases/version-sql.ts'
import { overallStatus, targetRelease } from './overall-status.ts'
import { updateDevice, type DeviceChanges } from './update-device.ts'

/** The resources as these scripts know them. */
export function asInV6(resources: Resource[]): Resource[] {
  return [...resources.map((each) => (each.name === 'device' ? deviceOfV6(each) : each)), supervisorRelease]
}

function deviceOfV6(device: Resource): Resource {
  return {
    ...device,
    fields: {
      ...device.fields,
      overall_status: computed(
        text,
        (row) => `case ${overallStatus(row)} when 'disconnected' then 'offline' when 'operational' then 'idle'
          else ${overallStatus(row)} end`,
      ),
    },
    links: {
      ...device.links,
      // Writing it pins.
      should_be_running__release: shownAs(nullable(one('release')), targetRelease),
    },
    update(
      ctx: Context,
      asking: Actor,
      ids: number[],
      {
        should_be_running__release: pin,
        ...changes
      }: DeviceChanges & { should_be_running__release?: number | null },
    ) {
      return updateDevice(ctx, asking, ids, {
        ...changes,
        ...(pin !== undefined && { is_pinned_on__release: pin }),
      })
    },
  }
}

const supervisorRelease = resource('supervisor_release', {
  from: `(select r.*, i.location, a.is_for__device_type
    from release r join application a on a.id = r.belongs_to__application and a.slug like 'balena\\_os/%-supervisor'
    join release_image ri on ri.is_part_of__release = r.id join image i on i.id = ri.image
    where r.status = 'success' and a.is_public)`,
  fields: {
    supervisor_version: computed(text, rawVersion),
    image_name: computed(text, (row) => `@registry || '/' || ${row}.location`),
  },
  links: {
    is_for__device_type: readOnly(one('device_type')),
    should_manage__device: many('device', 'should_be_managed_by__release'),
  },
  visibleTo: everybody,
})
