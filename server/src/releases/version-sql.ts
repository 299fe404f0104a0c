// What a release is called, as SQL: so that lists can be filtered and sorted by it (cloud-api, "release").

const numbers = (row: string) =>
  `${row}.semver_major || '.' || ${row}.semver_minor || '.' || ${row}.semver_patch`

/** A draft is told apart by the moment of its creation, in ms. */
const prerelease = (row: string) =>
  `concat_ws('.', nullif(${row}.semver_prerelease, ''),
     case when ${row}.revision is null then (extract(epoch from ${row}.created_at) * 1000)::bigint::text end)`

const build = (row: string) =>
  `concat_ws('.', nullif(${row}.semver_build, ''),
     case when ${row}.revision > 0 and 'rev' || ${row}.revision <> all(string_to_array(${row}.semver_build, '.'))
       then 'rev' || ${row}.revision end,
     nullif(${row}.variant, ''))`

const after = (sign: string, part: string) => `coalesce('${sign}' || nullif(${part}, ''), '')`

/** `1.2.3`, `1.2.3+rev2.dev`, `1.2.3-rc.1.1700000000000` */
export const rawVersion = (row: string) =>
  `${numbers(row)} || ${after('-', prerelease(row))} || ${after('+', build(row))}`

/** The same, taken apart. */
export const version = (row: string) =>
  `jsonb_build_object('raw', ${rawVersion(row)},
     'major', ${row}.semver_major, 'minor', ${row}.semver_minor, 'patch', ${row}.semver_patch,
     'prerelease', (select coalesce(jsonb_agg(case when part ~ '^[0-9]+$' then to_jsonb(part::numeric) else to_jsonb(part) end), '[]')
       from unnest(string_to_array(${prerelease(row)}, '.')) part),
     'build', to_jsonb(string_to_array(${build(row)}, '.')),
     'version', ${numbers(row)} || ${after('-', prerelease(row))})`
