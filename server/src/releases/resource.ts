import type { Actor } from '../auth/actor.ts'
import type { Context } from '../context.ts'
import {
  atCreation,
  bigint,
  boolean,
  byKind,
  computed,
  date,
  guarded,
  integer,
  json,
  mandatory,
  many,
  nullable,
  one,
  oneOf,
  readOnly,
  resource,
  shownAs,
  text,
  through,
  type RowSql,
} from '../kit/odata/resource.ts'
import { createReleaseImage, removeReleaseImages } from './release-images.ts'
import { createImage, removeImages, updateImages } from './images.ts'
import { createDetail, removeDetails, updateDetails } from './image-details.ts'
import { removeReleases } from './remove-release.ts'
import { startRelease } from './start-release.ts'
import { updateRelease, type ReleaseChanges } from './update-release.ts'
import { rawVersion, version } from './version-sql.ts'

const statuses = ['running', 'success', 'failed', 'error', 'cancelled', 'interrupted']

const inFleet = (row: string) => `${row}.belongs_to__application = any(array(select id from fleets_seen))`
/** Of one's fleets; and what public applications have released, such as supervisors. */
const inFleetOrReleased: RowSql = (row) =>
  `${inFleet(row)} or ${row}.status = 'success' and exists (
     select 1 from application p where p.id = ${row}.belongs_to__application and p.is_public)`
/** Strangers see what was released, not how it was built. */
const ownOnly =
  (column: string): RowSql =>
  (row) =>
    `case when ${inFleet(row)} then ${row}.${column} end`

const ownImageOnly =
  (column: string): RowSql =>
  (row) =>
    `case when exists (select 1 from service s where s.id = ${row}.is_a_build_of__service
       and s.application = any(array(select id from fleets_seen))) then ${row}.${column} end`

export const releaseResources = [
  resource('release', {
    fields: {
      created_at: readOnly(date),
      commit: mandatory(atCreation(text)),
      composition: mandatory(json),
      contract: nullable(json),
      status: oneOf(...statuses),
      source: atCreation(oneOf('cloud', 'local')),
      build_log: shownAs(nullable(text), ownOnly('build_log')),
      note: nullable(text),
      known_issue_list: nullable(text),
      invalidation_reason: nullable(text),
      phase: nullable(oneOf('next', 'current', 'sunset', 'end-of-life')),
      start_timestamp: atCreation(date),
      end_timestamp: nullable(date),
      update_timestamp: readOnly(date),
      is_invalidated: boolean,
      is_passing_tests: boolean,
      is_final: shownAs(boolean, (row) => `${row}.revision is not null`),
      is_finalized_at__date: readOnly(nullable(date)),
      semver: text,
      semver_major: readOnly(integer),
      semver_minor: readOnly(integer),
      semver_patch: readOnly(integer),
      semver_prerelease: readOnly(text),
      semver_build: readOnly(text),
      variant: readOnly(text),
      revision: readOnly(nullable(integer)),
      raw_version: computed(text, rawVersion),
      version: computed(json, version),
      release_version: computed(nullable(text), () => 'null::text'),
    },
    links: {
      belongs_to__application: mandatory(guarded(atCreation(one('application')))),
      is_created_by__user: nullable(atCreation(one('user'))),
      release_tag: many('release_tag', 'release'),
      release__has__tag_key: many('release_tag', 'release'),
      release_asset: many('release_asset', 'release'),
      release_image: many('release_image', 'is_part_of__release'),
      contains__image: many('release_image', 'is_part_of__release'),
      image__is_part_of__release: many('release_image', 'is_part_of__release'),
      should_be_running_on__application: many('application', 'should_be_running__release'),
      should_be_running_on__device: many('device', 'should_be_running__release'),
      is_running_on__device: many('device', 'is_running__release'),
      is_pinned_to__device: many('device', 'is_pinned_on__release'),
      should_operate__device: many('device', 'should_be_operated_by__release'),
      should_manage__device: many('device', 'should_be_managed_by__release'),
      provides__image_install: many('image_install', 'is_provided_by__release'),
      provides__device__installs__image: many('image_install', 'is_provided_by__release'),
    },
    visibleTo: byKind({
      user: inFleetOrReleased,
      device: inFleetOrReleased,
      guest: inFleetOrReleased,
    }),
    changeableBy: byKind({
      user: (row) => `${row}.belongs_to__application = any(array(select id from fleets_changed))`,
    }),
    create: startRelease,
    async update(ctx: Context, asking: Actor, ids: number[], changes: ReleaseChanges) {
      for (const id of ids) await updateRelease(ctx, asking, id, changes)
    },
    remove: removeReleases,
  }),

  resource('image', {
    fields: {
      created_at: readOnly(date),
      // The registry's host is put in front when it is read: the platform's address may change.
      is_stored_at__image_location: computed(text, (row) => `@registry || '/' || ${row}.location`),
      status: oneOf(...statuses),
      start_timestamp: mandatory(atCreation(date)),
      end_timestamp: nullable(date),
      push_timestamp: nullable(date),
      content_hash: nullable(text),
      image_size: nullable(bigint),
      dockerfile: shownAs(nullable(text), ownImageOnly('dockerfile')),
      build_log: shownAs(nullable(text), ownImageOnly('build_log')),
      error_message: shownAs(nullable(text), ownImageOnly('error_message')),
      project_type: nullable(text),
      contract: nullable(json),
    },
    links: {
      is_a_build_of__service: mandatory(guarded(atCreation(one('service')))),
      image_install: many('image_install', 'installs__image'),
      device__installs__image: many('image_install', 'installs__image'),
      release_image: many('release_image', 'image'),
      image__is_part_of__release: many('release_image', 'image'),
      is_part_of__release: many('release_image', 'image'),
    },
    visibleTo: through('is_a_build_of__service'),
    changeableBy: through('is_a_build_of__service'),
    create: createImage,
    update: updateImages,
    remove: removeImages,
  }),

  resource('release_image', {
    alsoCalled: ['image__is_part_of__release'],
    fields: { created_at: readOnly(date) },
    links: {
      image: mandatory(guarded(atCreation(one('image')))),
      is_part_of__release: mandatory(guarded(atCreation(one('release')))),
      image_label: many('image_label', 'release_image'),
      image_environment_variable: many('image_environment_variable', 'release_image'),
    },
    keys: [['image', 'is_part_of__release']],
    visibleTo: through('is_part_of__release'),
    changeableBy: through('is_part_of__release'),
    create: createReleaseImage,
    remove: removeReleaseImages,
  }),

  resource('image_label', {
    fields: { created_at: readOnly(date), label_name: mandatory(atCreation(text)), value: mandatory(text) },
    links: { release_image: mandatory(guarded(atCreation(one('release_image')))) },
    keys: [['release_image', 'label_name']],
    visibleTo: through('release_image'),
    changeableBy: through('release_image'),
    create: createDetail('image_label', 'label_name'),
    update: updateDetails('image_label'),
    remove: removeDetails('image_label'),
  }),

  resource('image_environment_variable', {
    fields: { created_at: readOnly(date), name: mandatory(atCreation(text)), value: mandatory(text) },
    links: { release_image: mandatory(guarded(atCreation(one('release_image')))) },
    keys: [['release_image', 'name']],
    visibleTo: byKind({
      user: (row) => ofRelease(row, '= any(array(select id from fleets_known))'),
      device: (row) => ofRelease(row, '= @fleet'),
    }),
    changeableBy: through('release_image'),
    create: createDetail('image_environment_variable', 'name'),
    update: updateDetails('image_environment_variable'),
    remove: removeDetails('image_environment_variable'),
  }),
]

function ofRelease(row: string, fleets: string): string {
  return `exists (select 1 from release_image i join release r on r.id = i.is_part_of__release
    where i.id = ${row}.release_image and r.belongs_to__application ${fleets})`
}
