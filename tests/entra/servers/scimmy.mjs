// A SCIM server of scimmy and scimmy-routers that keeps users in memory. node scimmy.mjs PORT
import express from "express";
import SCIMMY from "scimmy";
import SCIMMYRouters from "scimmy-routers";

const users = new Map();
let next = 1;
SCIMMY.Resources.declare(SCIMMY.Resources.User.extend(SCIMMY.Schemas.EnterpriseUser), {
    egress: resource => {
        const all = [...users.values()];
        if (resource.id === undefined) return resource.filter ? resource.filter.match(all) : all;
        if (!users.has(resource.id)) throw new SCIMMY.Types.Error(404, null, `Resource ${resource.id} not found`);
        return users.get(resource.id);
    },
    ingress: (resource, data) => {
        const id = resource.id ?? String(next++);
        const taken = [...users.values()].some(each => each.id !== id && each.userName === data.userName);
        if (taken) throw new SCIMMY.Types.Error(409, "uniqueness", "userName is taken");
        users.set(id, {...JSON.parse(JSON.stringify(data)), id});
        return users.get(id);
    },
    degress: resource => { users.delete(resource.id); }
});
const app = express();
app.use("/scim", new SCIMMYRouters({type: "bearer", handler: () => "anybody"}));
app.listen(Number(process.argv[2]), "127.0.0.1");
