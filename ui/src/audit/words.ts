// Acts in words. One that is not listed is shown by its own name.
const WORDS: Record<string, string> = {
  "node.join": "Node joined",
  "node.label": "Labels changed",
  "node.move": "Node moved",
  "node.rename": "Node renamed",
  "node.cordon": "Node cordoned",
  "node.uncordon": "Node uncordoned",
  "node.remove": "Node removed",
  "node.edit": "Edited on a node",
  "group.create": "Group created",
  "group.delete": "Group deleted",
  "join_token.create": "Join token made",
  "join_token.revoke": "Join token revoked",
  "resource.create": "Resource created",
  "resource.write": "Resource written",
  "resource.release": "Released",
  "resource.roll_back": "Rolled back",
  "resource.delete": "Resource deleted",
  "resource.text_mode": "Text merging set",
  "variable.set": "Value set",
  "variable.unset": "Value removed",
  "publication.save": "Publication saved",
  "publication.delete": "Publication deleted",
  "proposal.accept": "Proposal accepted",
  "proposal.decline": "Proposal declined",
  "conflict.resolve": "Conflict resolved",
  "token.create": "Token made",
  "token.revoke": "Token revoked",
  "sign_in_link.create": "Sign-in link made",
  "session.create": "Signed in",
  "session.revoke": "Session ended",
  "view.save": "View saved",
  "view.delete": "View forgotten",
};

export function actionWords(action: string): string {
  return WORDS[action] ?? action;
}
