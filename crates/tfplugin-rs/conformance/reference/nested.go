package main

import (
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64default"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/listdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// part has one attribute of every role.
func part() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"name":  schema.StringAttribute{Required: true},
		"count": schema.Int64Attribute{Optional: true, Computed: true, Default: int64default.StaticInt64(1)},
		"id": schema.StringAttribute{Computed: true,
			PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()}},
		"note":  schema.StringAttribute{Optional: true},
		"stamp": schema.Int64Attribute{Computed: true},
	}
}

// plain has nothing that is computed.
func plain() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"name": schema.StringAttribute{Required: true},
		"size": schema.Int64Attribute{Optional: true},
	}
}

// spare can be made up as a whole.
func spare() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"name":  schema.StringAttribute{Optional: true, Computed: true},
		"stamp": schema.Int64Attribute{Computed: true},
	}
}

func objects(attributes map[string]schema.Attribute) schema.NestedAttributeObject {
	return schema.NestedAttributeObject{Attributes: attributes}
}

// nested has nested attributes of every kind and role, and three levels of them.
func nested() schema.Schema {
	plainType := types.ObjectType{AttrTypes: map[string]attr.Type{"name": types.StringType, "size": types.Int64Type}}
	byDefault := types.ObjectValueMust(plainType.AttrTypes,
		map[string]attr.Value{"name": types.StringValue("d"), "size": types.Int64Null()})
	return base(map[string]schema.Attribute{
		"single":      schema.SingleNestedAttribute{Optional: true, Attributes: part()},
		"list":        schema.ListNestedAttribute{Optional: true, NestedObject: objects(part())},
		"map":         schema.MapNestedAttribute{Optional: true, NestedObject: objects(part())},
		"set":         schema.SetNestedAttribute{Optional: true, NestedObject: objects(part())},
		"set_plain":   schema.SetNestedAttribute{Optional: true, NestedObject: objects(plain())},
		"single_both": schema.SingleNestedAttribute{Optional: true, Computed: true, Attributes: spare()},
		"list_both":   schema.ListNestedAttribute{Optional: true, Computed: true, NestedObject: objects(spare())},
		"map_both":    schema.MapNestedAttribute{Optional: true, Computed: true, NestedObject: objects(spare())},
		"list_made": schema.ListNestedAttribute{Computed: true, NestedObject: objects(map[string]schema.Attribute{
			"name": schema.StringAttribute{Computed: true},
		})},
		"list_default": schema.ListNestedAttribute{Optional: true, Computed: true, NestedObject: objects(plain()),
			Default: listdefault.StaticValue(types.ListValueMust(plainType, []attr.Value{byDefault}))},
		"deep": schema.SingleNestedAttribute{Optional: true, Attributes: map[string]schema.Attribute{
			"rows": schema.ListNestedAttribute{Optional: true, NestedObject: objects(map[string]schema.Attribute{
				"cells": schema.MapNestedAttribute{Optional: true, NestedObject: objects(map[string]schema.Attribute{
					"kind":  schema.StringAttribute{Optional: true, Computed: true, Default: stringdefault.StaticString("plain")},
					"value": schema.NumberAttribute{Optional: true, Computed: true},
				})},
				"label": schema.StringAttribute{Optional: true},
			})},
		}},
	})
}
