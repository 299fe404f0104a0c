/** What a fleet's build variables say to the builder itself. They reach no build. */
export interface FleetSettings {
  /** Folder that holds the project, where that is not the top of what is pushed. */
  projectDirectory?: string
  /** Leaves every `$` of compose files as it is. */
  keepDollars?: boolean
}

const projectDirectory = 'COPAL_PROJECT_DIRECTORY'
const keepDollars = 'COPAL_KEEP_DOLLARS'

/** Tells the builder's own settings from the variables that builds get. */
export function fleetSettings(variables: Readonly<Record<string, string>>): {
  settings: FleetSettings
  buildVariables: Record<string, string>
} {
  const { [projectDirectory]: directory, [keepDollars]: dollars, ...buildVariables } = variables
  return {
    settings: {
      ...(directory && { projectDirectory: directory }),
      ...(dollars && { keepDollars: !['0', 'false', 'no'].includes(dollars) }),
    },
    buildVariables,
  }
}
