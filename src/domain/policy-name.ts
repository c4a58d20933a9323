/** A policy name: a DNS label, unique per kind. */
export type SiteName = string & { readonly __site: unique symbol };
export type RepositoryName = string & { readonly __repository: unique symbol };
export type RestoreTargetName = string & { readonly __restoreTarget: unique symbol };

export const siteName = (text: string): SiteName => text as SiteName;
export const repositoryName = (text: string): RepositoryName => text as RepositoryName;
export const restoreTargetName = (text: string): RestoreTargetName => text as RestoreTargetName;
