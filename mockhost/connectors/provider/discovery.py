"""What a provider says of itself: Schemas, ResourceTypes and ServiceProviderConfig, of what is there and no more."""

from __future__ import annotations

import copy
from typing import Final

from mockhost.connectors.provider.blueprint import Blueprint
from mockhost.connectors.provider.resourcetypes import Document
from mockhost.connectors.provider.schemas import SchemaDefinition
from mockhost.scim.attributes import AttributeInfo
from mockhost.scim.messages import (
    definition_of,
    resource_type,
    schema_resource,
    service_provider_config,
)

_COMMON: Final = ("id", "schemas", "meta", "externalId")


class Discovery:
    """The documents, made when first asked for."""

    __slots__ = ("_blueprint",)

    def __init__(self, blueprint: Blueprint) -> None:
        self._blueprint = blueprint

    def schemas(self, base: str) -> list[Document]:
        """The resources of /Schemas. Common attributes are in none (RFC 7643 3.1)."""
        return [self._schema(definition, base) for definition in self._blueprint.definitions.values()]

    def _schema(self, definition: SchemaDefinition, base: str) -> Document:
        infos = [info for info in self._effective(definition) if info.name not in _COMMON]
        return schema_resource(
            definition.urn,
            definition.name,
            map(definition_of, infos),
            location=f"{base}/Schemas",
            description=definition.description,
        )

    def _effective(self, definition: SchemaDefinition) -> list[AttributeInfo]:
        """The attributes as the resource types have them: a strictness may make one unique."""
        for type_ in self._blueprint.types.values():
            held = type_.core if type_.urn == definition.urn else type_.extensions.get(definition.urn)
            if held is not None:
                return [held[info.name]._replace(urn=None) for info in definition.attributes]
        return list(definition.attributes)

    def resource_types(self, base: str) -> list[Document]:
        """The resources of /ResourceTypes."""
        found = []
        strict = self._blueprint.rules.required == "refuse"
        for type_ in self._blueprint.types.values():
            config = type_.config
            document = resource_type(
                config.name,
                config.endpoint,
                config.schema,
                location=f"{base}/ResourceTypes/{config.name}",
            )
            document["description"] = config.description or config.name
            document["schemaExtensions"] = [
                {"schema": each.schema, "required": each.required and strict} for each in config.extensions
            ]
            found.append(document)
        return found

    def service_provider_config(self, base: str) -> Document:
        """What is at /ServiceProviderConfig, paging by cursor included (RFC 9865 4)."""
        config = self._blueprint.config
        found = service_provider_config(
            location=f"{base}/ServiceProviderConfig",
            patch=config.patch,
            filter=config.filter,
            max_results=config.max_results,
            bulk=config.bulk,
            sort=config.sort,
            etag=config.etag,
            change_password=any("password" in type_.core for type_ in self._blueprint.types.values()),
        )
        found["bulk"] = {
            "supported": config.bulk,
            "maxOperations": config.bulk_operations,
            "maxPayloadSize": config.bulk_payload,
        }
        meta = found.pop("meta")
        found["pagination"] = {
            "cursor": True,
            "index": True,
            "defaultPaginationMethod": "index",
            "defaultPageSize": min(config.page_size, config.max_results),
            "maxPageSize": config.max_results,
            "cursorTimeout": int(config.cursor_timeout),
        }
        found["meta"] = meta
        return copy.deepcopy(found)
