package main

import (
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/boolplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/dynamicplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/float32planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/float64planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int32planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/listplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/mapplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/numberplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/objectplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/setplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// keeping has every plan modifier for every kind of attribute.
func keeping() schema.Schema {
	item := map[string]schema.Attribute{
		"plain":      schema.StringAttribute{Optional: true, Computed: true},
		"kept":       schema.StringAttribute{Computed: true, PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()}},
		"valued":     schema.StringAttribute{Computed: true, PlanModifiers: []planmodifier.String{stringplanmodifier.UseNonNullStateForUnknown()}},
		"configured": schema.StringAttribute{Optional: true, Computed: true, PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplaceIfConfigured()}},
	}
	return base(map[string]schema.Attribute{
		"bool_kept": schema.BoolAttribute{Optional: true, Computed: true,
			PlanModifiers: []planmodifier.Bool{boolplanmodifier.UseStateForUnknown()}},
		"bool_valued": schema.BoolAttribute{Optional: true, Computed: true,
			PlanModifiers: []planmodifier.Bool{boolplanmodifier.UseNonNullStateForUnknown()}},
		"bool_replaced": schema.BoolAttribute{Optional: true, Computed: true,
			PlanModifiers: []planmodifier.Bool{boolplanmodifier.RequiresReplace()}},
		"bool_configured": schema.BoolAttribute{Optional: true, Computed: true,
			PlanModifiers: []planmodifier.Bool{boolplanmodifier.RequiresReplaceIfConfigured()}},
		"float_kept": schema.Float64Attribute{Optional: true, Computed: true,
			PlanModifiers: []planmodifier.Float64{float64planmodifier.UseStateForUnknown()}},
		"float_valued": schema.Float64Attribute{Optional: true, Computed: true,
			PlanModifiers: []planmodifier.Float64{float64planmodifier.UseNonNullStateForUnknown()}},
		"float_replaced": schema.Float64Attribute{Optional: true, Computed: true,
			PlanModifiers: []planmodifier.Float64{float64planmodifier.RequiresReplace()}},
		"float_configured": schema.Float64Attribute{Optional: true, Computed: true,
			PlanModifiers: []planmodifier.Float64{float64planmodifier.RequiresReplaceIfConfigured()}},
		"half_kept": schema.Float32Attribute{Optional: true, Computed: true,
			PlanModifiers: []planmodifier.Float32{float32planmodifier.UseStateForUnknown()}},
		"half_valued": schema.Float32Attribute{Optional: true, Computed: true,
			PlanModifiers: []planmodifier.Float32{float32planmodifier.UseNonNullStateForUnknown()}},
		"half_replaced": schema.Float32Attribute{Optional: true, Computed: true,
			PlanModifiers: []planmodifier.Float32{float32planmodifier.RequiresReplace()}},
		"half_configured": schema.Float32Attribute{Optional: true, Computed: true,
			PlanModifiers: []planmodifier.Float32{float32planmodifier.RequiresReplaceIfConfigured()}},
		"int_kept": schema.Int64Attribute{Optional: true, Computed: true,
			PlanModifiers: []planmodifier.Int64{int64planmodifier.UseStateForUnknown()}},
		"int_valued": schema.Int64Attribute{Optional: true, Computed: true,
			PlanModifiers: []planmodifier.Int64{int64planmodifier.UseNonNullStateForUnknown()}},
		"int_replaced": schema.Int64Attribute{Optional: true, Computed: true,
			PlanModifiers: []planmodifier.Int64{int64planmodifier.RequiresReplace()}},
		"int_configured": schema.Int64Attribute{Optional: true, Computed: true,
			PlanModifiers: []planmodifier.Int64{int64planmodifier.RequiresReplaceIfConfigured()}},
		"small_kept": schema.Int32Attribute{Optional: true, Computed: true,
			PlanModifiers: []planmodifier.Int32{int32planmodifier.UseStateForUnknown()}},
		"small_valued": schema.Int32Attribute{Optional: true, Computed: true,
			PlanModifiers: []planmodifier.Int32{int32planmodifier.UseNonNullStateForUnknown()}},
		"small_replaced": schema.Int32Attribute{Optional: true, Computed: true,
			PlanModifiers: []planmodifier.Int32{int32planmodifier.RequiresReplace()}},
		"small_configured": schema.Int32Attribute{Optional: true, Computed: true,
			PlanModifiers: []planmodifier.Int32{int32planmodifier.RequiresReplaceIfConfigured()}},
		"number_kept": schema.NumberAttribute{Optional: true, Computed: true,
			PlanModifiers: []planmodifier.Number{numberplanmodifier.UseStateForUnknown()}},
		"number_valued": schema.NumberAttribute{Optional: true, Computed: true,
			PlanModifiers: []planmodifier.Number{numberplanmodifier.UseNonNullStateForUnknown()}},
		"number_replaced": schema.NumberAttribute{Optional: true, Computed: true,
			PlanModifiers: []planmodifier.Number{numberplanmodifier.RequiresReplace()}},
		"number_configured": schema.NumberAttribute{Optional: true, Computed: true,
			PlanModifiers: []planmodifier.Number{numberplanmodifier.RequiresReplaceIfConfigured()}},
		"string_kept": schema.StringAttribute{Optional: true, Computed: true,
			PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()}},
		"string_valued": schema.StringAttribute{Optional: true, Computed: true,
			PlanModifiers: []planmodifier.String{stringplanmodifier.UseNonNullStateForUnknown()}},
		"string_replaced": schema.StringAttribute{Optional: true, Computed: true,
			PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplace()}},
		"string_configured": schema.StringAttribute{Optional: true, Computed: true,
			PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplaceIfConfigured()}},
		"dynamic_kept": schema.DynamicAttribute{Optional: true, Computed: true,
			PlanModifiers: []planmodifier.Dynamic{dynamicplanmodifier.UseStateForUnknown()}},
		"dynamic_valued": schema.DynamicAttribute{Optional: true, Computed: true,
			PlanModifiers: []planmodifier.Dynamic{dynamicplanmodifier.UseNonNullStateForUnknown()}},
		"dynamic_replaced": schema.DynamicAttribute{Optional: true, Computed: true,
			PlanModifiers: []planmodifier.Dynamic{dynamicplanmodifier.RequiresReplace()}},
		"dynamic_configured": schema.DynamicAttribute{Optional: true, Computed: true,
			PlanModifiers: []planmodifier.Dynamic{dynamicplanmodifier.RequiresReplaceIfConfigured()}},
		"list_kept": schema.ListAttribute{Optional: true, Computed: true, ElementType: types.StringType,
			PlanModifiers: []planmodifier.List{listplanmodifier.UseStateForUnknown()}},
		"list_valued": schema.ListAttribute{Optional: true, Computed: true, ElementType: types.StringType,
			PlanModifiers: []planmodifier.List{listplanmodifier.UseNonNullStateForUnknown()}},
		"list_replaced": schema.ListAttribute{Optional: true, Computed: true, ElementType: types.StringType,
			PlanModifiers: []planmodifier.List{listplanmodifier.RequiresReplace()}},
		"list_configured": schema.ListAttribute{Optional: true, Computed: true, ElementType: types.StringType,
			PlanModifiers: []planmodifier.List{listplanmodifier.RequiresReplaceIfConfigured()}},
		"map_kept": schema.MapAttribute{Optional: true, Computed: true, ElementType: types.StringType,
			PlanModifiers: []planmodifier.Map{mapplanmodifier.UseStateForUnknown()}},
		"map_valued": schema.MapAttribute{Optional: true, Computed: true, ElementType: types.StringType,
			PlanModifiers: []planmodifier.Map{mapplanmodifier.UseNonNullStateForUnknown()}},
		"map_replaced": schema.MapAttribute{Optional: true, Computed: true, ElementType: types.StringType,
			PlanModifiers: []planmodifier.Map{mapplanmodifier.RequiresReplace()}},
		"map_configured": schema.MapAttribute{Optional: true, Computed: true, ElementType: types.StringType,
			PlanModifiers: []planmodifier.Map{mapplanmodifier.RequiresReplaceIfConfigured()}},
		"set_kept": schema.SetAttribute{Optional: true, Computed: true, ElementType: types.StringType,
			PlanModifiers: []planmodifier.Set{setplanmodifier.UseStateForUnknown()}},
		"set_valued": schema.SetAttribute{Optional: true, Computed: true, ElementType: types.StringType,
			PlanModifiers: []planmodifier.Set{setplanmodifier.UseNonNullStateForUnknown()}},
		"set_replaced": schema.SetAttribute{Optional: true, Computed: true, ElementType: types.StringType,
			PlanModifiers: []planmodifier.Set{setplanmodifier.RequiresReplace()}},
		"set_configured": schema.SetAttribute{Optional: true, Computed: true, ElementType: types.StringType,
			PlanModifiers: []planmodifier.Set{setplanmodifier.RequiresReplaceIfConfigured()}},
		"object_kept": schema.ObjectAttribute{Optional: true, Computed: true, AttributeTypes: pair().AttrTypes,
			PlanModifiers: []planmodifier.Object{objectplanmodifier.UseStateForUnknown()}},
		"object_valued": schema.ObjectAttribute{Optional: true, Computed: true, AttributeTypes: pair().AttrTypes,
			PlanModifiers: []planmodifier.Object{objectplanmodifier.UseNonNullStateForUnknown()}},
		"object_replaced": schema.ObjectAttribute{Optional: true, Computed: true, AttributeTypes: pair().AttrTypes,
			PlanModifiers: []planmodifier.Object{objectplanmodifier.RequiresReplace()}},
		"object_configured": schema.ObjectAttribute{Optional: true, Computed: true, AttributeTypes: pair().AttrTypes,
			PlanModifiers: []planmodifier.Object{objectplanmodifier.RequiresReplaceIfConfigured()}},
		"single": schema.SingleNestedAttribute{Optional: true, Computed: true, Attributes: item,
			PlanModifiers: []planmodifier.Object{objectplanmodifier.UseNonNullStateForUnknown()}},
		"items": schema.ListNestedAttribute{Optional: true, NestedObject: objects(item),
			PlanModifiers: []planmodifier.List{listplanmodifier.RequiresReplaceIfConfigured()}},
		"named": schema.MapNestedAttribute{Optional: true, NestedObject: objects(item),
			PlanModifiers: []planmodifier.Map{mapplanmodifier.RequiresReplaceIfConfigured()}},
	})
}
