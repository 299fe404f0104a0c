/** Why a release cannot be run any more, as the second half of a sentence. */
export const imagesGone = (at: Date): string =>
  `it let go of its images on ${at.toISOString().slice(0, 10)} · build it again`
