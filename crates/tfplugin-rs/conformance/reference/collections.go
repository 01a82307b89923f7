package main

import (
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/dynamicdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/listdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/mapdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/setdefault"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// pair is a plain object type, without a schema of its own.
func pair() types.ObjectType {
	return types.ObjectType{AttrTypes: map[string]attr.Type{"a": types.StringType, "b": types.NumberType}}
}

// collections has collections of plain types, and dynamic values.
func collections() schema.Schema {
	strings := types.StringType
	a, b := types.StringValue("a"), types.StringValue("b")
	return base(map[string]schema.Attribute{
		"dynamic_both":     schema.DynamicAttribute{Optional: true, Computed: true},
		"dynamic_computed": schema.DynamicAttribute{Computed: true},
		"dynamic_default":  schema.DynamicAttribute{Optional: true, Computed: true, Default: dynamicdefault.StaticValue(types.DynamicValue(a))},
		"dynamic_optional": schema.DynamicAttribute{Optional: true},
		"list_both":        schema.ListAttribute{Optional: true, Computed: true, ElementType: types.NumberType},
		"list_computed":    schema.ListAttribute{Computed: true, ElementType: strings},
		"list_default": schema.ListAttribute{Optional: true, Computed: true, ElementType: strings,
			Default: listdefault.StaticValue(types.ListValueMust(strings, []attr.Value{a, b}))},
		"list_of_lists":   schema.ListAttribute{Optional: true, ElementType: types.ListType{ElemType: strings}},
		"list_of_objects": schema.ListAttribute{Optional: true, ElementType: pair()},
		"list_optional":   schema.ListAttribute{Optional: true, ElementType: strings},
		"map_both":        schema.MapAttribute{Optional: true, Computed: true, ElementType: types.BoolType},
		"map_default": schema.MapAttribute{Optional: true, Computed: true, ElementType: strings,
			Default: mapdefault.StaticValue(types.MapValueMust(strings, map[string]attr.Value{"k": a}))},
		"map_of_sets":     schema.MapAttribute{Optional: true, ElementType: types.SetType{ElemType: types.NumberType}},
		"map_optional":    schema.MapAttribute{Optional: true, ElementType: strings},
		"object_both":     schema.ObjectAttribute{Optional: true, Computed: true, AttributeTypes: pair().AttrTypes},
		"object_optional": schema.ObjectAttribute{Optional: true, AttributeTypes: pair().AttrTypes},
		"set_both":        schema.SetAttribute{Optional: true, Computed: true, ElementType: types.NumberType},
		"set_default": schema.SetAttribute{Optional: true, Computed: true, ElementType: strings,
			Default: setdefault.StaticValue(types.SetValueMust(strings, []attr.Value{a, b}))},
		"set_of_objects": schema.SetAttribute{Optional: true, ElementType: pair()},
		"set_optional":   schema.SetAttribute{Optional: true, ElementType: strings},
	})
}
